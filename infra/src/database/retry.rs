//! Which failures pass: the one place that decides whether a statement is worth a retry.
//!
//! Codes: PostgreSQL documentation, appendix A, "PostgreSQL Error Codes".

use sqlx::postgres::PgDatabaseError;

/// What an error says about a retry of the same statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The statement, a row or the schema is wrong. A retry fails the same way.
    Futile,
    /// It may succeed, also on the same connection.
    SameConnection,
    /// It may succeed on another connection. This one is lost, or its server or its state is wrong.
    NewConnection,
}

/// Functions of the server's source that report an error whose code says too little. Unlike a message,
/// the name of a function is not translated.
const CACHED_PLAN_CHECK: &str = "RevalidateCachedQuery";

impl Retry {
    /// What `error` says.
    pub fn after(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(database) => {
                let routine = database
                    .try_downcast_ref::<PgDatabaseError>()
                    .and_then(PgDatabaseError::routine);
                database.code().map_or(Self::Futile, |code| Self::after_code(&code, routine))
            }
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed => Self::NewConnection,
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => Self::SameConnection,
            _ => Self::Futile,
        }
    }

    /// What SQLSTATE `code` says, reported by the function `routine` of the server.
    fn after_code(code: &str, routine: Option<&str>) -> Self {
        match (code.get(..2).unwrap_or_default(), code) {
            // The server found data or an index to be corrupted.
            (_, "XX001" | "XX002") => Self::Futile,
            // A canceled statement leaves its session in order.
            (_, "57014") => Self::SameConnection,
            // - 08: the connection is broken.
            // - 25: the state of the session's transaction is wrong. 25006 comes from a server that is
            //   read-only, such as a demoted primary. 25P02: an earlier statement failed.
            // - 26, 34: the session does not know a prepared statement or a portal any more.
            // - 28, 3D: roles and databases may be missing while a server is restored.
            // - 57: an operator ends sessions (57P01 to 57P05), or the server starts.
            ("08" | "25" | "26" | "28" | "34" | "3D" | "57", _) => Self::NewConnection,
            // The session has a prepared statement of this name already: a pooler mixes sessions.
            (_, "42P05") => Self::NewConnection,
            // "cached plan must not change result type": this session prepared a statement before a
            // migration. The other errors of this code are features that do not exist.
            (_, "0A000") if routine == Some(CACHED_PLAN_CHECK) => Self::NewConnection,
            // - 40: the transaction was rolled back: deadlock, serialization failure.
            // - 53: memory, disk or connections are used up.
            // - 55: an object is locked or in use, or recovery is in progress.
            // - 58: the operating system failed.
            // - 72: the snapshot is too old.
            // - XX000: an internal error, such as a table that another session drops at the same time.
            ("40" | "53" | "55" | "58" | "72" | "XX", _) => Self::SameConnection,
            _ => Self::Futile,
        }
    }
}

/// Whether the same statement may succeed later.
pub fn is_transient(error: &sqlx::Error) -> bool {
    Retry::after(error) != Retry::Futile
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_decision() {
        use Retry::{Futile, NewConnection, SameConnection};
        let decisions = [
            ("08000", "connection exception", NewConnection),
            ("08003", "connection does not exist", NewConnection),
            ("08006", "connection failure", NewConnection),
            ("08P01", "protocol violation, also PgBouncer's own errors", NewConnection),
            ("0A000", "feature not supported", Futile),
            ("21000", "cardinality violation", Futile),
            ("22001", "string too long", Futile),
            ("22021", "character not in repertoire", Futile),
            ("23502", "not-null violation", Futile),
            ("23505", "unique violation", Futile),
            ("25000", "invalid transaction state", NewConnection),
            ("25001", "active transaction", NewConnection),
            ("25006", "read-only: a standby, or a demoted primary", NewConnection),
            ("25P01", "no active transaction", NewConnection),
            ("25P02", "an earlier statement of the transaction failed", NewConnection),
            ("25P03", "idle in transaction for too long", NewConnection),
            ("25P04", "transaction too long", NewConnection),
            ("26000", "prepared statement does not exist", NewConnection),
            ("28000", "no entry in pg_hba.conf", NewConnection),
            ("28P01", "wrong password", NewConnection),
            ("34000", "portal does not exist", NewConnection),
            ("3D000", "database does not exist", NewConnection),
            ("3F000", "schema does not exist", Futile),
            ("40001", "serialization failure; conflict with recovery", SameConnection),
            ("40003", "statement completion unknown", SameConnection),
            ("40P01", "deadlock", SameConnection),
            ("42501", "insufficient privilege", Futile),
            ("42601", "syntax error", Futile),
            ("42703", "column does not exist", Futile),
            ("42804", "datatype mismatch", Futile),
            ("42P01", "table does not exist", Futile),
            ("42P05", "prepared statement exists already", NewConnection),
            ("53100", "disk full", SameConnection),
            ("53200", "out of memory", SameConnection),
            ("53300", "too many connections", SameConnection),
            ("54000", "program limit exceeded", Futile),
            ("55000", "recovery is in progress", SameConnection),
            ("55006", "object in use", SameConnection),
            ("55P03", "lock not available", SameConnection),
            ("57014", "statement canceled, or its timeout", SameConnection),
            ("57P01", "administrator ends the session", NewConnection),
            ("57P02", "crash of another session", NewConnection),
            ("57P03", "the server starts, stops or recovers", NewConnection),
            ("57P04", "database dropped", NewConnection),
            ("57P05", "session idle for too long", NewConnection),
            ("58000", "system error", SameConnection),
            ("58030", "I/O error", SameConnection),
            ("72000", "snapshot too old", SameConnection),
            ("P0001", "exception raised by a function", Futile),
            ("XX000", "internal error", SameConnection),
            ("XX001", "data corrupted", Futile),
            ("XX002", "index corrupted", Futile),
            ("", "no code", Futile),
        ];
        for (code, meaning, decision) in decisions {
            assert_eq!(Retry::after_code(code, None), decision, "{code}: {meaning}");
        }
    }

    #[test]
    fn a_plan_from_before_a_migration_needs_another_connection() {
        assert_eq!(
            Retry::after_code("0A000", Some(CACHED_PLAN_CHECK)),
            Retry::NewConnection,
            "cached plan must not change result type"
        );
    }

    #[test]
    fn a_lost_connection_is_replaced_and_a_row_of_another_shape_is_a_defect() {
        let lost = sqlx::Error::Io(std::io::ErrorKind::TimedOut.into());
        assert_eq!(Retry::after(&lost), Retry::NewConnection);
        assert_eq!(Retry::after(&sqlx::Error::PoolTimedOut), Retry::SameConnection);
        assert_eq!(Retry::after(&sqlx::Error::RowNotFound), Retry::Futile);
        assert!(is_transient(&lost) && !is_transient(&sqlx::Error::RowNotFound));
    }
}
