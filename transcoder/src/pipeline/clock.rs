//! The times of the finished video.
//!
//! Everything is counted in [`TICKS`] from the moment at which the first stream of the source begins,
//! so that picture and sound keep their distance.

use ffmpeg_next::{Rational, Rescale, picture};

/// Ticks per second: divides all usual frame rates, and is the clock of MPEG.
pub(super) const TICKS: i64 = 90_000;
/// One tick.
pub(super) const TICK: Rational = Rational(1, TICKS as i32);
/// The finished video ends here.
pub(super) const CUT: i64 = 30 * TICKS;
/// More frames per second are thinned out to this many.
pub(super) const MAX_FRAME_RATE: i64 = 60;
/// A player can jump to a place, or change to another rendition, every so many ticks.
pub(super) const SEGMENT: i64 = 2 * TICKS;

/// Where the source's time begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    origin: i64,
}

impl Clock {
    /// From when each stream begins, in its own time base, as far as it is known.
    pub(super) fn starting_at(starts: &[(Option<i64>, Rational)]) -> Self {
        let ticks =
            |(start, base): &(Option<i64>, Rational)| Some(start.as_ref()?.rescale(*base, TICK));
        Self { origin: starts.iter().filter_map(ticks).min().unwrap_or(0) }
    }

    /// A time of the source in ticks since its beginning.
    pub(super) fn ticks(self, time: i64, base: Rational) -> i64 {
        time.rescale(base, TICK).saturating_sub(self.origin)
    }
}

/// What becomes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// It is shown from this tick on.
    At(i64),
    /// It is left out: too soon after its predecessor, or before it.
    Skip,
    /// It lies behind the cut, and so will those that follow.
    BehindTheCut,
}

/// Decides when each frame is shown.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    shown: Vec<i64>,
    /// How long the last frame says that it lasts.
    last_lasts: i64,
    cut: bool,
}

impl Schedule {
    /// `time` is when the source shows the frame, if it says so, and `lasts` for how long (0: it
    /// doesn't say).
    pub(super) fn place(&mut self, time: Option<i64>, lasts: i64) -> Moment {
        let time = time.unwrap_or_else(|| self.expected());
        if time >= CUT {
            self.cut = true;
            return Moment::BehindTheCut;
        }
        // The first picture is shown from the beginning, even if it comes later than the sound.
        let Some(&last) = self.shown.last() else {
            return self.show(0, lasts.saturating_add(time.max(0)));
        };
        if time <= last || slot(time) <= slot(last) {
            return Moment::Skip;
        }
        self.show(time, lasts)
    }

    fn show(&mut self, time: i64, lasts: i64) -> Moment {
        self.shown.push(time);
        self.last_lasts = lasts;
        Moment::At(time)
    }

    /// When the next frame is due, going by those before.
    fn expected(&self) -> i64 {
        let Some(last) = self.shown.last() else { return 0 };
        let lasts = if self.last_lasts > 0 { self.last_lasts } else { self.usual() };
        last.saturating_add(lasts)
    }

    /// How long a frame lasts on average.
    fn usual(&self) -> i64 {
        match self.shown.as_slice() {
            [first, .., last] => ((last - first) / (self.shown.len() as i64 - 1)).max(1),
            _ => TICKS / 25,
        }
    }

    #[cfg(test)]
    fn frames(&self) -> usize {
        self.shown.len()
    }

    /// When the newest frame is shown.
    pub(super) fn last(&self) -> i64 {
        self.shown.last().copied().unwrap_or(0)
    }

    /// When the picture ends.
    pub(super) fn end(&self) -> i64 {
        if self.cut { CUT } else { self.expected().min(CUT) }
    }

    /// How long the frame that is shown at `time` lasts.
    pub(super) fn duration_at(&self, time: i64) -> i64 {
        let next = self.shown.partition_point(|shown| *shown <= time);
        self.shown.get(next).copied().unwrap_or_else(|| self.end()) - time
    }
}

/// Cuts the video into segments, at the same places in all renditions: each begins with the first
/// frame of its two seconds.
#[derive(Debug, Default)]
pub(super) struct Segments {
    starts: Vec<i64>,
    next: i64,
}

impl Segments {
    /// Whether the encoder must make a key of the frame that is shown at `time`.
    pub(super) fn kind_of_frame(&mut self, time: i64) -> picture::Type {
        if time < self.next {
            return picture::Type::None;
        }
        self.next = (time / SEGMENT + 1) * SEGMENT;
        self.starts.push(time);
        picture::Type::I
    }

    /// When each of them begins.
    pub(super) fn starts(&self) -> &[i64] {
        &self.starts
    }
}

/// Frames that fall into the same sixtieth of a second cannot both be shown. The grid lies a quarter
/// early, so that it forgives times that were rounded to milliseconds.
fn slot(time: i64) -> i64 {
    (time * MAX_FRAME_RATE + TICKS / 4).div_euclid(TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_rate(rate: i64, seconds: i64) -> Schedule {
        let mut schedule = Schedule::default();
        for frame in 0..rate * seconds {
            schedule.place(Some(frame * TICKS / rate), TICKS / rate);
        }
        schedule
    }

    #[test]
    fn frames_keep_their_times_and_the_last_one_its_length() {
        let schedule = at_rate(25, 2);
        assert_eq!(schedule.frames(), 50);
        assert_eq!(schedule.end(), 2 * TICKS);
        assert_eq!(schedule.duration_at(0), 3600);
        assert_eq!(schedule.duration_at(49 * 3600), 3600);
    }

    #[test]
    fn a_long_source_ends_exactly_at_the_cut() {
        let schedule = at_rate(24, 40);
        assert_eq!(schedule.end(), CUT);
        let last = CUT - TICKS / 24;
        assert_eq!(last + schedule.duration_at(last), CUT);
        let mut odd = Schedule::default();
        for frame in 0..2000 {
            odd.place(Some(frame * 3003), 3003);
        }
        assert_eq!(odd.end(), CUT);
    }

    #[test]
    fn rates_up_to_60_stay_and_higher_ones_are_thinned_out() {
        assert_eq!(at_rate(60, 3).frames(), 180);
        for rate in [90, 120, 240] {
            let frames = at_rate(rate, 3).frames();
            assert!((170..=181).contains(&frames), "{rate}: {frames}");
        }
        // Rounded to milliseconds, as WebM does.
        let mut webm = Schedule::default();
        for frame in 0..180_i64 {
            webm.place(Some((frame * 1000 / 60) * 90), 0);
        }
        assert_eq!(webm.frames(), 180);
    }

    #[test]
    fn a_late_first_picture_is_shown_from_the_beginning() {
        let mut schedule = Schedule::default();
        assert_eq!(schedule.place(Some(2 * TICKS), 3600), Moment::At(0));
        assert_eq!(schedule.place(Some(2 * TICKS + 3600), 3600), Moment::At(2 * TICKS + 3600));
        let mut lone = Schedule::default();
        lone.place(Some(TICKS), TICKS);
        assert_eq!(lone.end(), 2 * TICKS);
    }

    #[test]
    fn times_that_are_missing_or_run_backwards_do_no_harm() {
        let mut schedule = Schedule::default();
        assert_eq!(schedule.place(None, 0), Moment::At(0));
        assert_eq!(schedule.place(None, 0), Moment::At(3600));
        assert_eq!(schedule.place(Some(1000), 0), Moment::Skip);
        assert_eq!(schedule.place(Some(-5), 0), Moment::Skip);
        assert_eq!(schedule.place(Some(CUT), 0), Moment::BehindTheCut);
    }

    #[test]
    fn a_segment_begins_with_the_first_frame_of_its_two_seconds() {
        let mut segments = Segments::default();
        let times = [0, 1, 2 * TICKS - 1, 2 * TICKS + 5, 3 * TICKS, 9 * TICKS, 10 * TICKS];
        let keys = times.map(|time| segments.kind_of_frame(time) == picture::Type::I);
        assert_eq!(keys, [true, false, false, true, false, true, true]);
        assert_eq!(segments.starts(), [0, 2 * TICKS + 5, 9 * TICKS, 10 * TICKS]);
    }

    #[test]
    fn the_earliest_stream_is_the_beginning() {
        let milliseconds = Rational(1, 1000);
        let clock = Clock::starting_at(&[
            (Some(500), milliseconds),
            (Some(20), milliseconds),
            (None, milliseconds),
        ]);
        assert_eq!(clock.ticks(520, milliseconds), TICKS / 2);
        assert_eq!(Clock::starting_at(&[]).ticks(1000, milliseconds), TICKS);
    }
}
