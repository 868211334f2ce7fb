//! The filter of `anb log`.

use std::str::FromStr;

use anyhow::{Result, bail};
use chrono::{DateTime, TimeDelta, Utc};
use domain::{EventType, Position, Timestamp};
use infra::event_log::Record;

const PREFIX: &str = "anb.";

/// Flags of the filter.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Which events")]
pub(super) struct FilterArgs {
    /// Only events of this type, as anb.vote.cast or vote.cast; repeatable
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,

    /// Only events of this stream, as video-<id>; repeatable
    #[arg(long = "stream", value_name = "STREAM")]
    streams: Vec<String>,

    /// Only this partition; repeatable
    #[arg(long = "partition", value_name = "N")]
    partitions: Vec<u32>,

    /// Only from this offset on, in every partition
    #[arg(long, value_name = "OFFSET", default_value = "0")]
    from_offset: u64,

    /// Only events appended at this time or later: RFC 3339, or an age as 90s, 15m, 2h, 7d
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,

    /// Only events appended before this time: RFC 3339, or an age
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,
}

/// A point in time, given as RFC 3339 or as an age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Moment(Timestamp);

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self(moment.with_timezone(&Utc)));
        }
        let wrong = || "neither RFC 3339 nor an age such as 15m".to_owned();
        let (number, unit) =
            text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
        let number = number.parse::<u32>().map(i64::from).map_err(|_| wrong())?;
        let age = match unit {
            "s" => TimeDelta::try_seconds(number),
            "m" => TimeDelta::try_minutes(number),
            "h" => TimeDelta::try_hours(number),
            "d" => TimeDelta::try_days(number),
            _ => None,
        };
        age.and_then(|age| Utc::now().checked_sub_signed(age)).map(Self).ok_or_else(wrong)
    }
}

/// The conditions that a printed record meets. An empty list admits all.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    types: Vec<String>,
    streams: Vec<String>,
    partitions: Vec<u32>,
    from_offset: u64,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl FilterArgs {
    /// Completes the type names.
    ///
    /// # Errors
    /// If a type does not exist.
    pub(super) fn parse(self) -> Result<Filter> {
        let full = |name: String| match name.starts_with(PREFIX) {
            true => name,
            false => format!("{PREFIX}{name}"),
        };
        let types: Vec<String> = self.types.into_iter().map(full).collect();
        if let Some(unknown) = types.iter().find(|name| EventType::from_code(name).is_none()) {
            let known: Vec<&str> = EventType::ALL.iter().map(|known| known.code()).collect();
            bail!("--type: `{unknown}` is none of {}", known.join(", "));
        }
        Ok(Filter {
            types,
            streams: self.streams,
            partitions: self.partitions,
            from_offset: self.from_offset,
            since: self.since.map(|moment| moment.0),
            until: self.until.map(|moment| moment.0),
        })
    }
}

impl Filter {
    /// Fails if a partition does not exist in a log of `count` partitions.
    pub(super) fn check_partitions(&self, count: u32) -> Result<()> {
        match self.partitions.iter().find(|partition| **partition >= count) {
            Some(partition) => bail!("--partition {partition}: the log has 0 to {}", count - 1),
            None => Ok(()),
        }
    }

    /// The start position in each printed partition.
    pub(super) fn start(&self, count: u32) -> Vec<Position> {
        (0..count)
            .filter(|partition| self.partitions.is_empty() || self.partitions.contains(partition))
            .map(|partition| Position { partition, offset: self.from_offset })
            .collect()
    }

    /// Whether the record is printed. Only its key, headers and time count, so it need not be readable.
    pub(super) fn admits(&self, record: &Record) -> bool {
        let text = |bytes| std::str::from_utf8(bytes).ok();
        let event_type = record.headers.iter().find(|(name, _)| name == "ce_type");
        let event_type = event_type.and_then(|(_, value)| text(value));
        let stream = record.key.as_deref().and_then(text);
        let one_of = |wanted: &[String], value: Option<&str>| {
            wanted.is_empty() || value.is_some_and(|value| wanted.iter().any(|one| one == value))
        };
        one_of(&self.types, event_type)
            && one_of(&self.streams, stream)
            && self.since.is_none_or(|since| record.time() >= since)
            && self.until.is_none_or(|until| record.time() < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn record(event_type: &'static str, at: &str) -> Record {
        Record {
            position: Position { partition: 1, offset: 5 },
            at: DateTime::parse_from_rfc3339(at).unwrap().with_timezone(&Utc),
            key: Some(Bytes::from_static(b"video-1")),
            headers: vec![("ce_type".to_owned(), Bytes::from_static(event_type.as_bytes()))],
            value: None,
        }
    }

    #[test]
    fn a_type_may_omit_its_prefix_and_must_exist() {
        let of_type =
            |name: &str| FilterArgs { types: vec![name.to_owned()], ..FilterArgs::default() };
        let filter = of_type("vote.cast").parse().unwrap();
        assert!(filter.admits(&record("anb.vote.cast", "2026-01-01T00:00:00Z")));
        assert!(!filter.admits(&record("anb.video.deleted", "2026-01-01T00:00:00Z")));
        let error = of_type("vote").parse().unwrap_err().to_string();
        assert!(error.starts_with("--type: `anb.vote` is none of"), "{error}");
    }

    #[test]
    fn since_is_inclusive_and_until_is_exclusive() {
        let moment = |text: &str| Some(text.parse::<Moment>().unwrap());
        let args = FilterArgs {
            since: moment("2026-01-01T00:00:00Z"),
            until: moment("2026-01-02T01:00:00+01:00"),
            ..FilterArgs::default()
        };
        let filter = args.parse().unwrap();
        let admits = |at| filter.admits(&record("anb.vote.cast", at));
        assert!(admits("2026-01-01T00:00:00Z") && admits("2026-01-01T23:59:59Z"));
        assert!(!admits("2025-12-31T23:59:59Z") && !admits("2026-01-02T00:00:00Z"));
    }

    #[test]
    fn an_age_is_a_number_and_a_unit() {
        let ago = |text: &str| {
            let Moment(moment) = text.parse().unwrap();
            (Utc::now() - moment).num_minutes()
        };
        assert_eq!(ago("90m"), 90);
        assert_eq!(ago("2h"), 120);
        for bad in ["", "m", "-5m", "5", "5 weeks", "99999999999999d", "5ñ"] {
            assert!(bad.parse::<Moment>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_partition_must_exist() {
        let args = FilterArgs { partitions: vec![3, 8], from_offset: 7, ..FilterArgs::default() };
        let filter = args.parse().unwrap();
        let error = filter.check_partitions(8).unwrap_err().to_string();
        assert_eq!(error, "--partition 8: the log has 0 to 7");
        assert_eq!(filter.start(8), [Position { partition: 3, offset: 7 }]);
    }
}
