//! One board's order: slots of artists, sorted by the standings that they stand for.
//!
//! The slots lie in chunks of a few hundred, each a sorted run, and a Fenwick tree says how many
//! slots lie before a chunk. A slot costs four bytes and the room left in its chunk. A slot is found
//! by two binary searches, a position by the tree. See ADR 0011 for what it was measured against.

use domain::ranking::Standing;

use super::artists::Slot;
use super::counts::Counts;

/// The most slots in a chunk. Moving half of so many bytes takes less than finding their place.
const CHUNK: usize = 512;
/// How full chunks are when a board is made from scratch: room for some to come.
const FILLED: usize = 384;
/// By how much a full chunk grows.
const GROWTH: usize = 64;

/// A sorted list of slots with positions. What a slot stands for must not change while it is in.
#[derive(Debug, Default)]
pub(super) struct Order {
    chunks: Vec<Chunk>,
    counts: Counts,
}

#[derive(Debug)]
struct Chunk {
    /// Not after the first slot, and after every slot of the chunk before.
    from: Standing,
    slots: Vec<Slot>,
}

impl Order {
    /// From slots that are in order already.
    pub(super) fn of_sorted(slots: &[Slot], standings: &[Standing]) -> Self {
        let chunk =
            |slots: &[Slot]| Chunk { from: standings[slots[0].index()], slots: slots.into() };
        Self::of_chunks(slots.chunks(FILLED).map(chunk).collect())
    }

    fn of_chunks(chunks: Vec<Chunk>) -> Self {
        let counts = Counts::of(chunks.iter().map(|chunk| chunk.slots.len()));
        Self { chunks, counts }
    }

    pub(super) fn len(&self) -> usize {
        self.counts.before(self.chunks.len())
    }

    /// Where a standing is or would be: the chunk, and the place in it.
    fn find(&self, of: &Standing, standings: &[Standing]) -> (usize, Result<usize, usize>) {
        let chunk = self.chunks.partition_point(|chunk| chunk.from <= *of).saturating_sub(1);
        let compare = |slot: &Slot| standings[slot.index()].cmp(of);
        let within = match self.chunks.get(chunk) {
            Some(chunk) => chunk.slots.binary_search_by(compare),
            None => Err(0),
        };
        (chunk, within)
    }

    /// How many are before `slot`; `None` if it is not in.
    pub(super) fn position(&self, slot: Slot, standings: &[Standing]) -> Option<usize> {
        let (chunk, within) = self.find(&standings[slot.index()], standings);
        Some(self.counts.before(chunk) + within.ok()?)
    }

    /// The slots from a position on.
    pub(super) fn from(&self, position: usize) -> impl Iterator<Item = Slot> {
        let (chunk, within) = self.counts.locate(position);
        let first = self.chunks.get(chunk).and_then(|chunk| chunk.slots.get(within..));
        let rest = self.chunks.get(chunk + 1..).unwrap_or_default();
        let rest = rest.iter().flat_map(|chunk| &chunk.slots);
        first.unwrap_or_default().iter().chain(rest).copied()
    }

    /// Puts a slot in its place; one that is in already stays.
    pub(super) fn insert(&mut self, slot: Slot, standings: &[Standing]) {
        let (index, Err(within)) = self.find(&standings[slot.index()], standings) else { return };
        let Some(chunk) = self.chunks.get_mut(index) else {
            *self = Self::of_sorted(&[slot], standings);
            return;
        };
        if chunk.slots.len() == chunk.slots.capacity() {
            chunk.slots.reserve_exact(GROWTH);
        }
        chunk.slots.insert(within, slot);
        if chunk.slots.len() <= CHUNK {
            self.counts.increment(index);
            return;
        }
        let upper = chunk.slots.split_off(CHUNK / 2);
        let from = standings[upper[0].index()];
        chunk.slots.shrink_to(FILLED);
        self.chunks.insert(index + 1, Chunk { from, slots: upper });
        self.recount();
    }

    /// Takes a slot out.
    pub(super) fn remove(&mut self, slot: Slot, standings: &[Standing]) {
        let (index, Ok(within)) = self.find(&standings[slot.index()], standings) else { return };
        self.chunks[index].slots.remove(within);
        self.counts.decrement(index);
        self.unite(index);
    }

    /// Keeps chunks from wasting away: one that fits in half a chunk with a neighbour joins it.
    fn unite(&mut self, index: usize) {
        let length = |index: usize| self.chunks.get(index).map(|chunk| chunk.slots.len());
        let fits = |other: usize| {
            let (one, other) = (length(index)?, length(other)?);
            (one + other <= CHUNK / 2).then_some(())
        };
        let left = match (index.checked_sub(1).and_then(fits), fits(index + 1)) {
            (Some(()), _) => index - 1,
            (None, Some(())) => index,
            (None, None) if length(index) == Some(0) => {
                self.chunks.remove(index);
                return self.recount();
            }
            (None, None) => return,
        };
        let right = self.chunks.remove(left + 1);
        self.chunks[left].slots.extend(right.slots);
        self.recount();
    }

    /// Chunks come and go once in some hundred changes, so this costs next to nothing.
    fn recount(&mut self) {
        self.counts = Counts::of(self.chunks.iter().map(|chunk| chunk.slots.len()));
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let slots: usize = self.chunks.iter().map(|chunk| chunk.slots.capacity()).sum();
        self.chunks.capacity() * size_of::<Chunk>()
            + slots * size_of::<Slot>()
            + self.counts.heap_bytes()
    }

    /// Panics unless all holds that must, for tests.
    pub(super) fn check(&self, standings: &[Standing]) {
        let mut before: Option<Standing> = None;
        for (index, chunk) in self.chunks.iter().enumerate() {
            assert!((1..=CHUNK).contains(&chunk.slots.len()), "a chunk of {}", chunk.slots.len());
            for slot in &chunk.slots {
                let standing = standings[slot.index()];
                assert!(index == 0 || chunk.from <= standing, "a chunk begins too late");
                assert!(before.is_none_or(|before| before < standing), "out of order");
                before = Some(standing);
            }
            let next = self.chunks.get(index + 1);
            assert!(next.is_none_or(|next| before < Some(next.from)), "a chunk begins too early");
        }
    }
}
