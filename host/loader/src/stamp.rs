//! Finds the plugin stamp in a file's bytes and judges it. Runs nothing, maps nothing.
use crate::refusal::Refusal;
use lip_abi::{STAMP_MAGIC, Stamp, abi_version};

/// The stamp of a library that this host can load.
pub(crate) fn check(bytes: &[u8]) -> Result<Stamp, Refusal> {
    let stamp = find(bytes).ok_or(Refusal::NotAPlugin)?;
    let [major, minor, patch, _] = stamp.abi;
    let host = abi_version();
    if major != host[0] {
        return Err(Refusal::OtherAbi { plugin: [major, minor, patch], host });
    }
    if u32::from(stamp.ptr_bits) != usize::BITS {
        return Err(Refusal::OtherWidth { found: stamp.ptr_bits.into(), wanted: usize::BITS });
    }
    if stamp.unwind != 1 {
        return Err(Refusal::PanicAbort);
    }
    Ok(stamp)
}

/// The first complete record; the magic alone may also stand in code that compares with it.
fn find(bytes: &[u8]) -> Option<Stamp> {
    let whole = |stamp: &Stamp| matches!(stamp.ptr_bits, 32 | 64) && stamp.unwind <= 1 && stamp.abi[3] == 0;
    memchr::memmem::find_iter(bytes, &STAMP_MAGIC).filter_map(|at| Stamp::read(bytes.get(at..)?)).find(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let [major, minor, patch] = abi_version();
        let mut out = STAMP_MAGIC.to_vec();
        out.extend([major, minor, patch, 0].iter().flat_map(|n| n.to_le_bytes()));
        out.extend([1, usize::BITS as u8]);
        out.extend(b"acme 0.1.0");
        out.resize(Stamp::BYTES, 0);
        change(&mut out);
        out
    }

    #[test]
    fn stamp_is_judged() {
        let far = check(&[vec![7; 1000], STAMP_MAGIC.to_vec(), vec![0xff; 200], bytes(|_| ())].concat());
        assert_eq!(far.unwrap().text(), "acme 0.1.0");
        assert_eq!(check(&bytes(|b| b[24] = 0)), Err(Refusal::PanicAbort));
        assert_eq!(check(&bytes(|b| b[25] = 32)), Err(Refusal::OtherWidth { found: 32, wanted: 64 }));
        assert!(matches!(check(&bytes(|b| b[16] = 9)), Err(Refusal::OtherAbi { plugin: [9, ..], .. })));
        assert_eq!(check(&bytes(|b| b.truncate(119))), Err(Refusal::NotAPlugin));
        assert_eq!(check(b""), Err(Refusal::NotAPlugin));
    }
}
