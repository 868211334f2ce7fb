//! The times of the finished video.
//!
//! All times are ticks since the earliest stream of the source begins, so picture and sound keep their
//! offset.

use ffmpeg_next::{Rational, Rescale, picture};

/// Ticks per second: the clock rate of MPEG, a multiple of all common frame rates.
pub(super) const CLOCK_RATE: i64 = 90_000;
/// One tick.
pub(super) const TICK: Rational = Rational(1, CLOCK_RATE as i32);
/// The end of the finished video.
pub(super) const CUT: i64 = 30 * CLOCK_RATE;
/// Frames per second; at higher rates frames are dropped.
pub(super) const MAX_FRAME_RATE: i64 = 60;
/// Length of a segment in ticks: a player can seek and switch renditions once per segment.
pub(super) const SEGMENT_TICKS: i64 = 2 * CLOCK_RATE;

/// Converts times of the source to ticks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    origin: i64,
}

impl Clock {
    /// `starts` are the start times of the streams, each in its own time base, as far as known.
    pub(super) fn starting_at(starts: &[(Option<i64>, Rational)]) -> Self {
        let ticks =
            |(start, base): &(Option<i64>, Rational)| Some(start.as_ref()?.rescale(*base, TICK));
        Self { origin: starts.iter().filter_map(ticks).min().unwrap_or(0) }
    }

    /// A time of the source in ticks.
    pub(super) fn ticks(self, time: i64, base: Rational) -> i64 {
        time.rescale(base, TICK).saturating_sub(self.origin)
    }
}

/// When a frame is shown, or why it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameTime {
    /// Shown from this tick on.
    ShowAt(i64),
    /// Dropped: too close to its predecessor, or before it.
    Skip,
    /// After the cut, like all frames that follow.
    AfterCut,
}

/// Decides when each frame is shown.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    shown: Vec<i64>,
    /// The duration that the last frame declares.
    last_duration: i64,
    cut: bool,
}

impl Schedule {
    /// Schedules a frame. `time`: when the source shows it, if known. `duration`: for how long, 0 if
    /// unknown.
    pub(super) fn add(&mut self, time: Option<i64>, duration: i64) -> FrameTime {
        let time = time.unwrap_or_else(|| self.expected());
        if time >= CUT {
            self.cut = true;
            return FrameTime::AfterCut;
        }
        // The first frame is shown from the start, also if it comes later than the sound.
        let Some(&last) = self.shown.last() else {
            return self.show(0, duration.saturating_add(time.max(0)));
        };
        if time <= last || slot(time) <= slot(last) {
            return FrameTime::Skip;
        }
        self.show(time, duration)
    }

    fn show(&mut self, time: i64, duration: i64) -> FrameTime {
        self.shown.push(time);
        self.last_duration = duration;
        FrameTime::ShowAt(time)
    }

    /// The expected time of the next frame.
    fn expected(&self) -> i64 {
        let Some(last) = self.shown.last() else { return 0 };
        let duration =
            if self.last_duration > 0 { self.last_duration } else { self.average_duration() };
        last.saturating_add(duration)
    }

    /// The average duration of a frame.
    fn average_duration(&self) -> i64 {
        match self.shown.as_slice() {
            [first, .., last] => ((last - first) / (self.shown.len() as i64 - 1)).max(1),
            _ => CLOCK_RATE / 25,
        }
    }

    #[cfg(test)]
    fn frames(&self) -> usize {
        self.shown.len()
    }

    /// The time of the newest frame.
    pub(super) fn last(&self) -> i64 {
        self.shown.last().copied().unwrap_or(0)
    }

    /// When the picture ends.
    pub(super) fn end(&self) -> i64 {
        if self.cut { CUT } else { self.expected().min(CUT) }
    }

    /// The duration of the frame at `time`.
    pub(super) fn duration_at(&self, time: i64) -> i64 {
        let next = self.shown.partition_point(|shown| *shown <= time);
        self.shown.get(next).copied().unwrap_or_else(|| self.end()) - time
    }
}

/// The segment boundaries, the same in all renditions. Each segment starts with the first frame of its
/// two seconds.
#[derive(Debug, Default)]
pub(super) struct Segments {
    starts: Vec<i64>,
    next: i64,
}

impl Segments {
    /// Forces a key frame at each segment start.
    pub(super) fn kind_of_frame(&mut self, time: i64) -> picture::Type {
        if time < self.next {
            return picture::Type::None;
        }
        self.next = (time / SEGMENT_TICKS + 1) * SEGMENT_TICKS;
        self.starts.push(time);
        picture::Type::I
    }

    /// The start time of each segment.
    pub(super) fn starts(&self) -> &[i64] {
        &self.starts
    }
}

/// The sixtieth of a second that a time falls into; each shows one frame. The grid starts a quarter slot
/// early, so times rounded to milliseconds stay in their slot.
fn slot(time: i64) -> i64 {
    (time * MAX_FRAME_RATE + CLOCK_RATE / 4).div_euclid(CLOCK_RATE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_rate(rate: i64, seconds: i64) -> Schedule {
        let mut schedule = Schedule::default();
        for frame in 0..rate * seconds {
            schedule.add(Some(frame * CLOCK_RATE / rate), CLOCK_RATE / rate);
        }
        schedule
    }

    #[test]
    fn frames_keep_their_times_and_the_last_one_its_duration() {
        let schedule = at_rate(25, 2);
        assert_eq!(schedule.frames(), 50);
        assert_eq!(schedule.end(), 2 * CLOCK_RATE);
        assert_eq!(schedule.duration_at(0), 3600);
        assert_eq!(schedule.duration_at(49 * 3600), 3600);
    }

    #[test]
    fn a_long_source_ends_exactly_at_the_cut() {
        let schedule = at_rate(24, 40);
        assert_eq!(schedule.end(), CUT);
        let last = CUT - CLOCK_RATE / 24;
        assert_eq!(last + schedule.duration_at(last), CUT);
        let mut odd = Schedule::default();
        for frame in 0..2000 {
            odd.add(Some(frame * 3003), 3003);
        }
        assert_eq!(odd.end(), CUT);
    }

    #[test]
    fn rates_up_to_60_stay_and_higher_ones_drop_frames() {
        assert_eq!(at_rate(60, 3).frames(), 180);
        for rate in [90, 120, 240] {
            let frames = at_rate(rate, 3).frames();
            assert!((170..=181).contains(&frames), "{rate}: {frames}");
        }
        // WebM rounds times to milliseconds.
        let mut webm = Schedule::default();
        for frame in 0..180_i64 {
            webm.add(Some((frame * 1000 / 60) * 90), 0);
        }
        assert_eq!(webm.frames(), 180);
    }

    #[test]
    fn a_late_first_frame_is_shown_from_the_start() {
        let mut schedule = Schedule::default();
        assert_eq!(schedule.add(Some(2 * CLOCK_RATE), 3600), FrameTime::ShowAt(0));
        assert_eq!(
            schedule.add(Some(2 * CLOCK_RATE + 3600), 3600),
            FrameTime::ShowAt(2 * CLOCK_RATE + 3600)
        );
        let mut single = Schedule::default();
        single.add(Some(CLOCK_RATE), CLOCK_RATE);
        assert_eq!(single.end(), 2 * CLOCK_RATE);
    }

    #[test]
    fn missing_times_are_estimated_and_backward_times_skipped() {
        let mut schedule = Schedule::default();
        assert_eq!(schedule.add(None, 0), FrameTime::ShowAt(0));
        assert_eq!(schedule.add(None, 0), FrameTime::ShowAt(3600));
        assert_eq!(schedule.add(Some(1000), 0), FrameTime::Skip);
        assert_eq!(schedule.add(Some(-5), 0), FrameTime::Skip);
        assert_eq!(schedule.add(Some(CUT), 0), FrameTime::AfterCut);
    }

    #[test]
    fn a_segment_starts_with_the_first_frame_of_its_two_seconds() {
        let mut segments = Segments::default();
        let times = [
            0,
            1,
            2 * CLOCK_RATE - 1,
            2 * CLOCK_RATE + 5,
            3 * CLOCK_RATE,
            9 * CLOCK_RATE,
            10 * CLOCK_RATE,
        ];
        let keys = times.map(|time| segments.kind_of_frame(time) == picture::Type::I);
        assert_eq!(keys, [true, false, false, true, false, true, true]);
        assert_eq!(segments.starts(), [0, 2 * CLOCK_RATE + 5, 9 * CLOCK_RATE, 10 * CLOCK_RATE]);
    }

    #[test]
    fn ticks_count_from_the_earliest_stream() {
        let milliseconds = Rational(1, 1000);
        let clock = Clock::starting_at(&[
            (Some(500), milliseconds),
            (Some(20), milliseconds),
            (None, milliseconds),
        ]);
        assert_eq!(clock.ticks(520, milliseconds), CLOCK_RATE / 2);
        assert_eq!(Clock::starting_at(&[]).ticks(1000, milliseconds), CLOCK_RATE);
    }
}
