//! The boards in memory, held against a list that is sorted anew each time.

#[cfg(test)]
mod boards {
    mod contest;
    mod directory;
    mod properties;
    mod readers;
    mod size;
}
