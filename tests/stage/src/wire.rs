//! HTTP/1.1 as bytes: heads kept as they came, bodies decoded from their framing. Source: RFC 9112.
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Header names as they were spelled, in their order.
pub(crate) type Headers = Vec<(String, String)>;

/// The value of the first header called `name`, in any case.
pub(crate) fn header<'a>(headers: &'a Headers, name: &str) -> Option<&'a str> {
    headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// What has been read and not yet been used.
#[derive(Debug, Default)]
pub(crate) struct Buffer(Vec<u8>);

impl Buffer {
    /// Reads once; 0 means that the peer sends nothing more.
    pub(crate) async fn fill(&mut self, from: &mut (impl AsyncRead + Unpin)) -> io::Result<usize> {
        from.read_buf(&mut self.0).await
    }

    fn take(&mut self, n: usize) -> Vec<u8> {
        let rest = self.0.split_off(n.min(self.0.len()));
        std::mem::replace(&mut self.0, rest)
    }

    /// Takes everything up to and including `mark`, or `None` if the peer stops before it.
    async fn until(
        &mut self,
        from: &mut (impl AsyncRead + Unpin),
        mark: &[u8],
    ) -> io::Result<Option<Vec<u8>>> {
        let mut searched = 0;
        loop {
            let start = searched.min(self.0.len());
            if let Some(at) = self.0[start..].windows(mark.len()).position(|window| window == mark) {
                return Ok(Some(self.take(start + at + mark.len())));
            }
            searched = (self.0.len() + 1).saturating_sub(mark.len());
            if self.fill(from).await? == 0 {
                return Ok(None);
            }
        }
    }

    /// Takes a head: first line and headers.
    pub(crate) async fn head(&mut self, from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Head>> {
        Ok(self.until(from, b"\r\n\r\n").await?.map(Head::parse))
    }
}

/// First line and headers.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) raw: String,
    pub(crate) first_line: String,
    pub(crate) headers: Headers,
}

impl Head {
    fn parse(raw: Vec<u8>) -> Self {
        let raw = String::from_utf8(raw).expect("a head in UTF-8");
        let mut lines = raw.trim_end_matches("\r\n").split("\r\n");
        let first_line = lines.next().unwrap_or_default().to_owned();
        let headers = lines
            .map(|line| {
                let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("no header: {line:?}"));
                (name.to_owned(), value.trim().to_owned())
            })
            .collect();
        Self { raw, first_line, headers }
    }

    /// How the body that follows is framed. `unframed`: what it means that no header says so.
    pub(crate) fn framing(&self, unframed: Framing) -> Framing {
        if header(&self.headers, "transfer-encoding")
            .is_some_and(|value| value.eq_ignore_ascii_case("chunked"))
        {
            return Framing::Chunked { left: 0 };
        }
        match header(&self.headers, "content-length") {
            Some(length) => Framing::Length(length.parse().expect("a length")),
            None => unframed,
        }
    }
}

/// How a body is framed, and how much of it is still to come.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Framing {
    /// So many bytes.
    Length(usize),
    /// Chunks; so many bytes of the current one.
    Chunked { left: usize },
    /// Everything until the peer closes.
    UntilClose,
}

/// How a body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// As its framing announced.
    Clean,
    /// The connection ended first.
    Cut,
}

impl Framing {
    /// The next bytes of the body, or how it ended.
    pub(crate) async fn next(
        &mut self,
        buffer: &mut Buffer,
        from: &mut (impl AsyncRead + Unpin),
    ) -> Result<Vec<u8>, End> {
        match self {
            Self::Length(0) => Err(End::Clean),
            Self::Length(left) | Self::Chunked { left: left @ 1.. } => {
                if buffer.0.is_empty() && !matches!(buffer.fill(from).await, Ok(1..)) {
                    return Err(End::Cut);
                }
                let bytes = buffer.take(*left);
                *left -= bytes.len();
                if matches!(self, Self::Chunked { left: 0 }) {
                    line(buffer, from).await?;
                }
                Ok(bytes)
            }
            Self::Chunked { left } => {
                let size = line(buffer, from).await?;
                *left = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16)
                    .unwrap_or_else(|_| panic!("no size of a chunk: {size:?}"));
                if *left > 0 {
                    return Box::pin(self.next(buffer, from)).await;
                }
                while !line(buffer, from).await?.is_empty() {}
                *self = Self::Length(0);
                Err(End::Clean)
            }
            Self::UntilClose => {
                if !buffer.0.is_empty() {
                    return Ok(buffer.take(usize::MAX));
                }
                match buffer.fill(from).await {
                    Ok(0) => Err(End::Clean),
                    Ok(_) => Ok(buffer.take(usize::MAX)),
                    Err(_) => Err(End::Cut),
                }
            }
        }
    }

    /// All of the body, and how it ended.
    pub(crate) async fn rest(
        mut self,
        buffer: &mut Buffer,
        from: &mut (impl AsyncRead + Unpin),
    ) -> (Vec<u8>, End) {
        let mut body = Vec::new();
        loop {
            match self.next(buffer, from).await {
                Ok(bytes) => body.extend_from_slice(&bytes),
                Err(end) => return (body, end),
            }
        }
    }
}

async fn line(buffer: &mut Buffer, from: &mut (impl AsyncRead + Unpin)) -> Result<String, End> {
    match buffer.until(from, b"\r\n").await {
        Ok(Some(line)) => Ok(String::from_utf8_lossy(&line[..line.len() - 2]).into_owned()),
        Ok(None) | Err(_) => Err(End::Cut),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn body(framing: Framing, bytes: &[u8]) -> (String, End) {
        let mut from = bytes;
        let (body, end) = framing.rest(&mut Buffer::default(), &mut from).await;
        (String::from_utf8(body).unwrap(), end)
    }

    #[tokio::test]
    async fn bodies_end_as_their_framing_says() {
        let chunked = Framing::Chunked { left: 0 };
        for (framing, bytes, expected, end) in [
            (Framing::Length(3), &b"abcd"[..], "abc", End::Clean),
            (Framing::Length(3), b"ab", "ab", End::Cut),
            (Framing::Length(0), b"", "", End::Clean),
            (Framing::UntilClose, b"abc", "abc", End::Clean),
            (chunked, b"2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n", "abc", End::Clean),
            (chunked, b"2\r\nab\r\n0\r\nt: 1\r\n\r\n", "ab", End::Clean),
            (chunked, b"2\r\nab\r\n", "ab", End::Cut),
            (chunked, b"A\r\nab", "ab", End::Cut),
        ] {
            assert_eq!(body(framing, bytes).await, (expected.to_owned(), end), "{framing:?} {bytes:?}");
        }
    }

    #[tokio::test]
    async fn head_keeps_order_and_case() {
        let mut from = &b"GET / HTTP/1.1\r\nB: 1\r\na:2 \r\n\r\nrest"[..];
        let mut buffer = Buffer::default();
        let head = buffer.head(&mut from).await.unwrap().unwrap();
        assert_eq!(head.first_line, "GET / HTTP/1.1");
        assert_eq!(head.headers, [("B".to_owned(), "1".to_owned()), ("a".to_owned(), "2".to_owned())]);
        assert_eq!(buffer.0, b"rest");
    }
}
