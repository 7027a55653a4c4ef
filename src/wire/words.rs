//! Words of which later versions may have more.

/// Makes a type of words: those that are known here, and any other as it was told.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $($(#[$word_doc:meta])* $word:ident = $text:literal,)*) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum $name {
            $($(#[$word_doc])* $word,)*
            /// A word of another version's, safe for a terminal.
            Other(Box<str>),
        }

        impl $name {
            /// The word.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$word => $text,)*
                    Self::Other(word) => word,
                }
            }
        }

        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                match word {
                    $($text => Self::$word,)*
                    other => Self::Other(crate::visible::line(other).into()),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.as_str())
            }
        }

        impl<'a> serde::Deserialize<'a> for $name {
            fn deserialize<D: serde::Deserializer<'a>>(from: D) -> Result<Self, D::Error> {
                std::borrow::Cow::<str>::deserialize(from).map(|word| Self::from(&*word))
            }
        }
    };
}

pub(super) use words;
