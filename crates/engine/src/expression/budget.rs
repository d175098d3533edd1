//! What one evaluation may cost, counted in steps and bytes so that it is the same on every machine. The check of a
//! setting estimates with the same numbers as evaluation charges.

use super::failure::Failure;

/// Most steps of one evaluation. A step is one node of the expression, [`TEXT_PER_STEP`] bytes of text that are looked
/// at, or [`FILL_PER_STEP`] bytes that are filled: some ten nanoseconds, and four microseconds at most inside a pattern.
pub(crate) const MOST_STEPS: u64 = 250_000;
/// Most bytes that one evaluation may ask for, whether it gives them back or not.
pub(crate) const MOST_BYTES: u64 = 8 * 1024 * 1024;

/// Bytes of text that are looked at or compared in one step.
const TEXT_PER_STEP: u64 = 16;
/// Bytes of new memory that are filled in one step.
const FILL_PER_STEP: u64 = 64;
/// Bytes that a text takes beside its characters.
pub(crate) const TEXT_OVERHEAD: u64 = 32;
/// Bytes that an element of a list, or a key or value of an object, takes beside its own text.
pub(crate) const ELEMENT: u64 = 48;
/// Sizes of compiled patterns in bytes, from which their weight is told; larger ones are refused.
pub(crate) const PATTERN_SIZES: [u64; 6] = [8 * 1024, 16 * 1024, 32 * 1024, 64 * 1024, 128 * 1024, 256 * 1024];
/// Steps to compile a pattern that is not written in quotes.
pub(crate) const COMPILE_PATTERN_STEPS: u64 = 20_000;
/// Bytes of a pattern that is not written in quotes, and of its cache.
pub(crate) const COMPILE_PATTERN_BYTES: u64 = 512 * 1024;
/// Most characters of a number, a timestamp or a duration as text: the smallest `double` has 326.
pub(crate) const SCALAR_TEXT: u64 = 400;
/// Small and capital letters can take more bytes than what they are made of, at most three for one.
pub(crate) const CASE_GROWTH: u64 = 3;

/// Steps that it takes to look at so many bytes of text.
const fn text_steps(bytes: u64) -> u64 {
    bytes / TEXT_PER_STEP
}

/// Steps for each byte of text that is matched with a pattern of so many bytes. In the worst case each part of the
/// pattern is followed at each byte, which takes 0.3 microseconds for a KiB.
pub(crate) const fn pattern_steps(size: u64) -> u64 {
    1 + size / (8 * 1024)
}

/// Steps for each byte of a text that is matched with a pattern that is not known.
pub(crate) const LARGEST_PATTERN_STEPS: u64 = pattern_steps(PATTERN_SIZES[PATTERN_SIZES.len() - 1]);

/// An amount of memory or a number of elements in the unit of budgets.
pub(super) fn amount(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

/// What is left for one evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Budget {
    pub(crate) steps: u64,
    pub(crate) bytes: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self { steps: MOST_STEPS, bytes: MOST_BYTES }
    }
}

impl Budget {
    /// Takes steps; an error when there are not so many left.
    pub(super) fn step(&mut self, steps: u64) -> Result<(), Failure> {
        self.steps = self.steps.checked_sub(steps).ok_or(Failure::OutOfSteps)?;
        Ok(())
    }

    /// Takes the steps for so many bytes of text.
    pub(super) fn read(&mut self, bytes: usize) -> Result<(), Failure> {
        self.step(text_steps(amount(bytes)))
    }

    /// Takes bytes, and the steps to fill them, before they are asked for.
    pub(super) fn allocate(&mut self, bytes: u64) -> Result<(), Failure> {
        self.step(bytes / FILL_PER_STEP)?;
        self.bytes = self.bytes.checked_sub(bytes).ok_or(Failure::OutOfBytes)?;
        Ok(())
    }

    /// Takes what a text of so many bytes needs.
    pub(super) fn text(&mut self, bytes: u64) -> Result<(), Failure> {
        self.allocate(bytes.saturating_add(TEXT_OVERHEAD))
    }

    /// Takes what so many elements need.
    pub(super) fn elements(&mut self, count: u64) -> Result<(), Failure> {
        self.allocate(count.saturating_mul(ELEMENT))
    }
}

/// What an evaluation costs at most: the same charges as those of a [`Budget`], added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) steps: u64,
    pub(crate) bytes: u64,
}

impl Cost {
    /// Adds steps.
    pub(crate) const fn step(&mut self, steps: u64) {
        self.steps = self.steps.saturating_add(steps);
    }

    /// Adds the steps for so many bytes of text.
    pub(crate) const fn read(&mut self, bytes: u64) {
        self.step(text_steps(bytes));
    }

    /// Adds bytes, and the steps to fill them.
    pub(crate) const fn allocate(&mut self, bytes: u64) {
        self.step(bytes / FILL_PER_STEP);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Adds what a text of so many bytes needs.
    pub(crate) const fn text(&mut self, bytes: u64) {
        self.allocate(bytes.saturating_add(TEXT_OVERHEAD));
    }

    /// Adds what so many elements need.
    pub(crate) const fn elements(&mut self, count: u64) {
        self.allocate(count.saturating_mul(ELEMENT));
    }

    /// Adds so many times another cost.
    pub(crate) const fn repeat(&mut self, other: Self, times: u64) {
        self.step(other.steps.saturating_mul(times));
        self.bytes = self.bytes.saturating_add(other.bytes.saturating_mul(times));
    }
}
