//! How many slots lie before a chunk: a Fenwick tree over the chunks' lengths.

/// Partial sums, so that a sum and a search both take as many steps as an index has bits.
#[derive(Debug, Default)]
pub(super) struct Counts(Vec<u32>);

impl Counts {
    pub(super) fn of(lengths: impl Iterator<Item = usize>) -> Self {
        let mut sums: Vec<u32> = lengths.map(|length| length as u32).collect();
        for index in 0..sums.len() {
            let parent = index | (index + 1);
            if parent < sums.len() {
                sums[parent] += sums[index];
            }
        }
        Self(sums)
    }

    pub(super) fn increment(&mut self, index: usize) {
        self.each_over(index, |sum| *sum += 1);
    }

    pub(super) fn decrement(&mut self, index: usize) {
        self.each_over(index, |sum| *sum -= 1);
    }

    fn each_over(&mut self, mut index: usize, change: impl Fn(&mut u32)) {
        while let Some(sum) = self.0.get_mut(index) {
            change(sum);
            index |= index + 1;
        }
    }

    /// The sum of the counts before `index`.
    pub(super) fn before(&self, index: usize) -> usize {
        let mut sum = 0;
        let mut end = index;
        while end > 0 {
            sum += self.0[end - 1] as usize;
            end &= end - 1;
        }
        sum
    }

    /// Where the element at `position` of the whole is: in which chunk, and at which place there.
    /// Beyond the end it is the chunk after the last one.
    pub(super) fn locate(&self, position: usize) -> (usize, usize) {
        let mut index = 0;
        let mut rest = position;
        let mut step = (self.0.len() + 1).next_power_of_two() >> 1;
        while step > 0 {
            if let Some(sum) = self.0.get(index + step - 1)
                && *sum as usize <= rest
            {
                index += step;
                rest -= *sum as usize;
            }
            step >>= 1;
        }
        (index, rest)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_searches_agree_with_counting() {
        for chunks in 0..40_usize {
            let mut lengths: Vec<usize> = (0..chunks).map(|n| 1 + n * 7 % 5).collect();
            let mut counts = Counts::of(lengths.iter().copied());
            for index in (0..chunks).step_by(3) {
                counts.increment(index);
                lengths[index] += 1;
            }
            for index in (0..chunks).step_by(5) {
                counts.decrement(index);
                lengths[index] -= 1;
            }
            let all: Vec<(usize, usize)> = (0..chunks)
                .flat_map(|chunk| (0..lengths[chunk]).map(move |within| (chunk, within)))
                .collect();
            for (position, place) in all.iter().enumerate() {
                assert_eq!(counts.locate(position), *place, "{lengths:?}");
                assert_eq!(counts.before(place.0) + place.1, position, "{lengths:?}");
            }
            assert_eq!(counts.locate(all.len()).0, chunks);
        }
    }
}
