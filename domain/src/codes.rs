//! Enumerations whose variants have a stable code: in the log, in rows, in metrics and in HTTP.

/// Gives an enumeration `ALL` and `code` from one table. A variant without a code does not compile,
/// and `ALL` can miss none.
macro_rules! codes {
    ($name:ident: $($variant:ident $({ $number:ident })? => $code:literal,)+) => {
        impl $name {
            /// Every variant; a number that a variant carries is 0 here.
            pub const ALL: &'static [Self] = &[$(Self::$variant { $($number: 0)? }),+];

            /// The stable code.
            pub fn code(self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $code,)+
                }
            }

            fn find(code: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|variant| variant.code() == code)
            }
        }
    };
}

pub(crate) use codes;
