//! Bytes as people write them.

/// Two lower-case hexadecimal digits for each byte.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |n: u8| char::from(if n < 10 { b'0' + n } else { b'a' + n - 10 });
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
    text
}

/// What [`hex`] wrote; none for another text.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [high, low] => Some(value(*high)? << 4 | value(*low)?),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{hex, unhex};

    #[test]
    fn each_byte_has_two_digits() {
        assert_eq!(hex(&[0x00, 0x09, 0x0a, 0xa0, 0xff]), "00090aa0ff");
        assert_eq!(hex(&[]), "");
        assert_eq!(unhex("00090aa0ff").as_deref(), Some(&[0x00, 0x09, 0x0a, 0xa0, 0xff][..]));
        for other in ["0", "0A", "zz", "ab c"] {
            assert_eq!(unhex(other), None, "{other}");
        }
    }
}
