//! How the typed fields of the configuration and the common shape of values turn into each other.

use std::path::PathBuf;

use super::event_classes::EventClasses;
use super::secret::Secret;
use super::types::{
    BindAddress, ChannelDefault, Choice, ClientBudget, EvictionPolicy, LogFormat, LogLevel,
    OutputLimits, Permission, TlsClientAuth, TlsClientUser, TlsProtocols,
};
use super::users::NamedUsers;
use super::value::Value;

/// A field of the configuration, which knows its place among the kinds of values.
pub trait Field {
    /// The field's present value.
    fn value(&self) -> Value;

    /// Takes over a value that the row's kind has checked.
    fn assign(&mut self, value: Value);
}

/// Implements `Field` for a type that one variant of `Value` holds.
macro_rules! field {
    ($type:ty, $variant:ident, |$field:ident| $read:expr, |$held:ident| $write:expr) => {
        impl Field for $type {
            fn value(&self) -> Value {
                let $field = self;
                Value::$variant($read)
            }

            fn assign(&mut self, value: Value) {
                match value {
                    Value::$variant($held) => *self = $write,
                    other => unreachable!("a row's kind fits its field, not {other:?}"),
                }
            }
        }
    };
}
macro_rules! number_fields {
    ($($type:ty),+) => {
        $(field!(
            $type,
            Number,
            |field| i128::from(*field),
            |held| held.try_into().expect("a row's range fits its field")
        );)+
    };
}

number_fields!(u8, u16, u32, u64, i32, i64);
field!(bool, Bool, |field| *field, |held| held);
field!(ClientBudget, Budget, |field| *field, |held| held);
field!(EventClasses, EventClasses, |field| *field, |held| held);
field!(Secret, Secret, |field| field.clone(), |held| held);
field!(Vec<BindAddress>, Addresses, |field| field.clone(), |held| {
    held
});
field!(NamedUsers, Users, |field| field.clone(), |held| held);
field!(Vec<f64>, Percentiles, |field| field.clone(), |held| held);

macro_rules! choice_fields {
    ($($type:ty),+) => {
        $(field!($type, Choice, |field| field.index(), |held| <$type>::ALL[held]);)+
    };
}

choice_fields!(
    ChannelDefault,
    EvictionPolicy,
    LogFormat,
    LogLevel,
    Permission,
    TlsClientAuth,
    TlsClientUser,
    TlsProtocols
);

impl Field for Option<PathBuf> {
    fn value(&self) -> Value {
        let text = self
            .as_ref()
            .map(|path| path.to_string_lossy().into_owned());
        Value::Text(text.unwrap_or_default())
    }

    fn assign(&mut self, value: Value) {
        let Value::Text(text) = value else {
            unreachable!("a row's kind fits its field, not {value:?}");
        };
        *self = (!text.is_empty()).then(|| text.into());
    }
}

impl Field for OutputLimits {
    fn value(&self) -> Value {
        Value::OutputLimits([self.normal, self.replica, self.pubsub].map(Some))
    }

    fn assign(&mut self, value: Value) {
        let Value::OutputLimits([normal, replica, pubsub]) = value else {
            unreachable!("a row's kind fits its field, not {value:?}");
        };
        self.normal = normal.unwrap_or(self.normal);
        self.replica = replica.unwrap_or(self.replica);
        self.pubsub = pubsub.unwrap_or(self.pubsub);
    }
}
