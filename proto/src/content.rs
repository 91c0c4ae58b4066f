//! Bodies that were compressed for the way (`Content-Encoding`). The log keeps them as they came, since that is what a
//! signature covers; expressions see what was meant.

use std::io::Read;

use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

/// How a body was compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// gzip, of one member or several: senders that compress while they write make several.
    Gzip,
    /// zlib, or the bare deflate that some senders mean by the same name.
    Deflate,
}

/// Why a body cannot be decompressed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotDecoded {
    /// It is not what its header says.
    #[error("the body is declared as {0:?} and is none")]
    Damaged(Coding),
    /// It grows beyond the limit.
    #[error("the body is over the limit of {bytes_max} bytes once it is decompressed")]
    TooLarge {
        /// The limit.
        bytes_max: usize,
    },
}

impl Coding {
    /// Reads the value of a `Content-Encoding`. One that is not known leaves the body as it is, as in Kestra.
    pub fn of(header: &str) -> Option<Self> {
        match header.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => Some(Coding::Gzip),
            "deflate" | "x-deflate" => Some(Coding::Deflate),
            _ => None,
        }
    }

    /// Decompresses a whole body to at most `bytes_max`. Never takes more memory than that, whatever was sent.
    ///
    /// # Errors
    /// When it is damaged or grows too large.
    pub fn decode(self, bytes: &[u8], bytes_max: usize) -> Result<Vec<u8>, NotDecoded> {
        let mut left = bytes;
        match self {
            Coding::Gzip => read(MultiGzDecoder::new(bytes), bytes_max, self),
            Coding::Deflate => match read(ZlibDecoder::new(&mut left), bytes_max, self) {
                Err(NotDecoded::Damaged(_)) => {
                    left = bytes;
                    let decoded = read(DeflateDecoder::new(&mut left), bytes_max, self);
                    self.whole(decoded, left)
                }
                decoded => self.whole(decoded, left),
            },
        }
    }

    /// Refuses what stands behind the end: it would be lost.
    fn whole(self, decoded: Result<Vec<u8>, NotDecoded>, left: &[u8]) -> Result<Vec<u8>, NotDecoded> {
        match decoded {
            Ok(_) if !left.is_empty() => Err(NotDecoded::Damaged(self)),
            decoded => decoded,
        }
    }
}

fn read(decoder: impl Read, bytes_max: usize, coding: Coding) -> Result<Vec<u8>, NotDecoded> {
    let mut decoded = Vec::new();
    let limited = decoder.take(bytes_max as u64 + 1).read_to_end(&mut decoded);
    match limited {
        Err(_) => Err(NotDecoded::Damaged(coding)),
        Ok(_) if decoded.len() > bytes_max => Err(NotDecoded::TooLarge { bytes_max }),
        Ok(_) => Ok(decoded),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{
        Compression,
        write::{DeflateEncoder, GzEncoder, ZlibEncoder},
    };

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn gzip_zlib_and_bare_deflate_are_read() {
        assert_eq!(Coding::of(" GZIP").unwrap().decode(&gzip(b"{}"), 2).as_deref(), Ok(b"{}".as_slice()));
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(b"{}").unwrap();
        assert_eq!(Coding::Deflate.decode(&zlib.finish().unwrap(), 2).as_deref(), Ok(b"{}".as_slice()));
        let mut bare = DeflateEncoder::new(Vec::new(), Compression::fast());
        bare.write_all(b"{}").unwrap();
        assert_eq!(Coding::Deflate.decode(&bare.finish().unwrap(), 2).as_deref(), Ok(b"{}".as_slice()));
        assert_eq!(Coding::of("br"), None);
    }

    #[test]
    fn what_is_not_compressed_or_broke_off_is_damaged() {
        assert_eq!(Coding::Gzip.decode(b"{\"a\":1}", 100), Err(NotDecoded::Damaged(Coding::Gzip)));
        assert_eq!(Coding::Deflate.decode(b"{\"a\":1}", 100), Err(NotDecoded::Damaged(Coding::Deflate)));
        let whole = gzip(b"hello");
        assert_eq!(Coding::Gzip.decode(&whole[..whole.len() - 3], 100), Err(NotDecoded::Damaged(Coding::Gzip)));
    }

    #[test]
    fn gzip_of_several_members_is_read_to_its_end() {
        let both = [gzip(b"{\"a\""), gzip(b":1}")].concat();
        assert_eq!(Coding::Gzip.decode(&both, 100).as_deref(), Ok(b"{\"a\":1}".as_slice()));
        assert_eq!(Coding::Gzip.decode(&both, 5), Err(NotDecoded::TooLarge { bytes_max: 5 }));
    }

    #[test]
    fn what_stands_behind_the_end_is_not_lost_silently() {
        let behind = [gzip(b"{}"), b"more".to_vec()].concat();
        assert_eq!(Coding::Gzip.decode(&behind, 100), Err(NotDecoded::Damaged(Coding::Gzip)));
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(b"{}").unwrap();
        let behind = [zlib.finish().unwrap(), b"more".to_vec()].concat();
        assert_eq!(Coding::Deflate.decode(&behind, 100), Err(NotDecoded::Damaged(Coding::Deflate)));
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let bomb = gzip(&vec![0; 10_000_000]);
        assert!(bomb.len() < 20_000);
        assert_eq!(Coding::Gzip.decode(&bomb, 1000), Err(NotDecoded::TooLarge { bytes_max: 1000 }));
    }
}
