//! A sequence of runs, with their first keys and lengths for the search.

use super::super::artists::Artists;
use super::super::key::{Entry, Key};
use super::super::slot::Slot;
use super::leaf::Leaf;
use super::run::{Run, count_up_to};

/// The most runs in a branch that is itself a run.
const MAX_RUNS: usize = 256;

#[derive(Debug)]
pub(super) struct Branch<R> {
    firsts: Vec<Key>,
    lengths: Vec<u32>,
    runs: Vec<R>,
}

impl<R> Default for Branch<R> {
    fn default() -> Self {
        Self { firsts: Vec::new(), lengths: Vec::new(), runs: Vec::new() }
    }
}

impl<R: Run> Branch<R> {
    /// A branch of sorted runs.
    pub(super) fn of_runs(runs: Vec<R>) -> Self {
        let firsts = runs.iter().map(|run| run.first().key).collect();
        Self { firsts, lengths: runs.iter().map(|run| run.len() as u32).collect(), runs }
    }

    /// The run in which an artist is or would be.
    fn index(&self, of: Entry, artists: &Artists) -> usize {
        let slot = |index: usize| self.runs[index].first().slot;
        // An artist before all others belongs into the first run.
        count_up_to(of, &self.firsts, slot, artists).saturating_sub(1)
    }

    fn before(&self, index: usize) -> usize {
        self.lengths[..index].iter().sum::<u32>() as usize
    }

    /// Adds an absent entry, without a limit to the length.
    pub(super) fn put(&mut self, entry: Entry, artists: &Artists) {
        if self.runs.is_empty() {
            *self = Self::of_sorted(&[entry]);
            return;
        }
        let index = self.index(entry, artists);
        self.firsts[index] = self.firsts[index].min(entry.key);
        match self.runs[index].insert(entry, artists) {
            None => self.lengths[index] += 1,
            Some(upper) => {
                self.lengths[index] = self.runs[index].len() as u32;
                self.firsts.insert(index + 1, upper.first().key);
                self.lengths.insert(index + 1, upper.len() as u32);
                self.runs.insert(index + 1, upper);
            }
        }
    }

    fn take(&mut self, index: usize) -> R {
        self.firsts.remove(index);
        self.lengths.remove(index);
        self.runs.remove(index)
    }

    /// Joins a short run to a neighbour, so that runs do not shrink to a few slots.
    fn join_neighbour(&mut self, index: usize) {
        let joins = |left: usize| match self.runs.get(left..left + 2) {
            Some([left, right]) => left.joins(right),
            _ => false,
        };
        let left = match index.checked_sub(1) {
            Some(left) if joins(left) => left,
            _ if joins(index) => index,
            _ => return,
        };
        let right = self.take(left + 1);
        self.lengths[left] += right.len() as u32;
        self.runs[left].join(right);
    }
}

impl<R: Run> Run for Branch<R> {
    const FILLED: usize = MAX_RUNS / 4 * 3 * R::FILLED;

    fn of_sorted(entries: &[Entry]) -> Self {
        Self::of_runs(entries.chunks(R::FILLED).map(R::of_sorted).collect())
    }

    fn len(&self) -> usize {
        self.before(self.runs.len())
    }

    fn first(&self) -> Entry {
        self.runs[0].first()
    }

    fn seek(&self, of: Entry, artists: &Artists) -> Option<(usize, &Leaf)> {
        let index = self.index(of, artists);
        let (before, leaf) = self.runs.get(index)?.seek(of, artists)?;
        Some((self.before(index) + before, leaf))
    }

    fn copy(&self, from: usize, most: usize, slots: &mut Vec<Slot>) {
        let mut skip = from;
        for (run, length) in self.runs.iter().zip(&self.lengths) {
            match skip.checked_sub(*length as usize) {
                Some(left) => skip = left,
                None if slots.len() == most => return,
                None => run.copy(std::mem::take(&mut skip), most, slots),
            }
        }
    }

    fn insert(&mut self, entry: Entry, artists: &Artists) -> Option<Self> {
        self.put(entry, artists);
        (self.runs.len() > MAX_RUNS).then(|| Self {
            firsts: self.firsts.split_off(MAX_RUNS / 2),
            lengths: self.lengths.split_off(MAX_RUNS / 2),
            runs: self.runs.split_off(MAX_RUNS / 2),
        })
    }

    fn remove(&mut self, entry: Entry, artists: &Artists) {
        let index = self.index(entry, artists);
        let run = &mut self.runs[index];
        run.remove(entry, artists);
        self.lengths[index] -= 1;
        if self.lengths[index] == 0 {
            self.take(index);
            return;
        }
        if self.firsts[index] == entry.key {
            self.firsts[index] = run.first().key;
        }
        if run.is_short() {
            self.join_neighbour(index);
        }
    }

    fn is_short(&self) -> bool {
        self.runs.len() <= MAX_RUNS / 4
    }

    fn joins(&self, next: &Self) -> bool {
        self.runs.len() + next.runs.len() <= MAX_RUNS / 2
    }

    fn join(&mut self, next: Self) {
        self.firsts.extend(next.firsts);
        self.lengths.extend(next.lengths);
        self.runs.extend(next.runs);
    }

    fn heap_bytes(&self) -> usize {
        self.firsts.capacity() * size_of::<Key>()
            + self.lengths.capacity() * size_of::<u32>()
            + self.runs.capacity() * size_of::<R>()
            + self.runs.iter().map(R::heap_bytes).sum::<usize>()
    }

    #[cfg(test)]
    fn check(&self, artists: &Artists) {
        let firsts = self.runs.iter().map(|run| run.first().key);
        assert!(firsts.eq(self.firsts.iter().copied()), "runs begin elsewhere");
        let lengths = self.runs.iter().map(|run| run.len() as u32);
        assert!(lengths.eq(self.lengths.iter().copied()), "runs have other lengths");
        self.runs.iter().for_each(|run| run.check(artists));
    }
}
