//! The record that the host reads from a library's *file* before it maps any code of it.

/// Marks a [`Stamp`] in a file of any object format.
pub const STAMP_MAGIC: [u8; 16] = *b"\x7fLIP-PLUGIN\x01\r\n\x1a\n";

/// What a library says of itself without being run.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// [`STAMP_MAGIC`].
    pub magic: [u8; 16],
    /// Major, minor and patch of the ABI it was built with, then a spare number.
    pub abi: [u16; 4],
    /// 1 when built with `panic = "unwind"`.
    pub unwind: u8,
    /// Bits of a pointer: 64 or 32.
    pub ptr_bits: u8,
    /// Name and version of the library, UTF-8, padded with zeros.
    pub text: [u8; 94],
}

impl Stamp {
    /// Bytes of a stamp in a file.
    pub const BYTES: usize = size_of::<Self>();

    /// The stamp of a library that is being compiled now. `text`: its name and version.
    pub const fn new(unwind: bool, text: &str) -> Self {
        let mut padded = [0u8; 94];
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() && at < padded.len() - 1 {
            padded[at] = bytes[at];
            at += 1;
        }
        let [major, minor, patch] = abi_version();
        Self {
            magic: STAMP_MAGIC,
            abi: [major, minor, patch, 0],
            unwind: unwind as u8,
            ptr_bits: usize::BITS as u8,
            text: padded,
        }
    }

    /// Reads a stamp from the bytes that begin with its magic. `None`: too short or no magic.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::BYTES] = bytes.first_chunk()?;
        let (magic, rest) = bytes.split_first_chunk::<16>()?;
        let (abi, rest) = rest.split_first_chunk::<8>()?;
        let [unwind, ptr_bits, text @ ..] = rest else {
            return None;
        };
        let abi = [[abi[0], abi[1]], [abi[2], abi[3]], [abi[4], abi[5]], [abi[6], abi[7]]];
        let stamp = Self {
            magic: *magic,
            abi: abi.map(u16::from_le_bytes),
            unwind: *unwind,
            ptr_bits: *ptr_bits,
            text: *text.first_chunk()?,
        };
        (stamp.magic == STAMP_MAGIC).then_some(stamp)
    }

    /// Name and version of the library.
    pub fn text(&self) -> String {
        let end = self.text.iter().position(|b| *b == 0).unwrap_or(self.text.len());
        String::from_utf8_lossy(self.text.get(..end).unwrap_or_default()).into_owned()
    }
}

/// Major, minor and patch of this ABI.
pub const fn abi_version() -> [u16; 3] {
    [
        number(env!("CARGO_PKG_VERSION_MAJOR")),
        number(env!("CARGO_PKG_VERSION_MINOR")),
        number(env!("CARGO_PKG_VERSION_PATCH")),
    ]
}

const fn number(digits: &str) -> u16 {
    let (bytes, mut at, mut value) = (digits.as_bytes(), 0, 0u16);
    while at < bytes.len() {
        value = value * 10 + (bytes[at] - b'0') as u16;
        at += 1;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamp_reads_back_from_bytes() {
        let stamp = Stamp::new(true, "lip-echo 0.1.0");
        // SAFETY: `Stamp` is repr(C) without padding: 16 + 8 + 1 + 1 + 94 = 120 bytes.
        let bytes: [u8; Stamp::BYTES] = unsafe { std::mem::transmute(stamp) };
        assert_eq!(Stamp::read(&bytes), Some(stamp));
        assert_eq!(stamp.text(), "lip-echo 0.1.0");
        assert_eq!(Stamp::read(&bytes[..119]), None);
        assert_eq!(Stamp::BYTES, 120);
    }
}
