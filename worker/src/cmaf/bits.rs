//! Reading parameter sets bit by bit. The bytes may be anything: what is beyond the end is `None`.

/// A reader of bits, most significant first.
#[derive(Debug)]
pub struct Bits<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    /// From the first bit on.
    pub fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0 }
    }

    /// The next `count` bits, 32 at most.
    pub fn take(&mut self, count: usize) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            let byte = self.data.get(self.at / 8)?;
            value = (value << 1) | u32::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(value)
    }

    /// Passes over bits.
    pub fn skip(&mut self, count: usize) -> Option<()> {
        self.at = self.at.checked_add(count).filter(|at| *at <= self.data.len() * 8)?;
        Some(())
    }

    /// An Exp-Golomb code (ITU-T H.265 section 9.2).
    pub fn golomb(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.take(1)? == 0 {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some((1_u32 << zeros) - 1 + self.take(zeros)?)
    }
}

/// The payload of a unit without its emulation prevention bytes (ITU-T H.265 section 7.4.2).
pub fn without_prevention(unit: &[u8]) -> Vec<u8> {
    let (mut out, mut zeros) = (Vec::with_capacity(unit.len()), 0);
    for byte in unit {
        if zeros >= 2 && *byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        out.push(*byte);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_and_ends_are_noticed() {
        // 1, 010, 011, 00100 and what is left of the byte.
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0000]);
        assert_eq!([(); 4].map(|()| bits.golomb()), [Some(0), Some(1), Some(2), Some(3)]);
        assert_eq!((bits.golomb(), bits.take(1), bits.skip(1)), (None, None, None));
        assert_eq!(without_prevention(&[1, 0, 0, 3, 1, 0, 0, 3, 0]), [1, 0, 0, 1, 0, 0, 0]);
    }
}
