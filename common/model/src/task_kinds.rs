//! Sets of kinds of task: what a class of workers takes.

use crate::states::TaskKind;
use std::{fmt, str::FromStr};

/// Kinds of task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskKinds(u32);

impl TaskKinds {
    /// Every one there is, and every one there will be.
    pub const ALL: Self = Self(u32::MAX);

    /// Whether a kind is among them.
    pub const fn has(self, kind: TaskKind) -> bool {
        self.0 & 1 << kind as u32 != 0
    }

    /// Those that are known here, in the order of their list.
    pub fn iter(self) -> impl Iterator<Item = TaskKind> {
        TaskKind::ALL.iter().copied().filter(move |k| self.has(*k))
    }
}

impl FromIterator<TaskKind> for TaskKinds {
    fn from_iter<T: IntoIterator<Item = TaskKind>>(kinds: T) -> Self {
        Self(kinds.into_iter().fold(0, |set, kind| set | 1 << kind as u32))
    }
}

/// Their words joined by commas; nothing for all.
impl fmt::Display for TaskKinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ALL {
            return Ok(());
        }
        let words: Vec<&str> = self.iter().map(TaskKind::as_str).collect();
        f.write_str(&words.join(","))
    }
}

/// Words joined by commas; all for nothing. The error is the first word that is none.
impl FromStr for TaskKinds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self::ALL);
        }
        text.split(',').map(|word| word.trim().parse::<TaskKind>().map_err(|_| word.trim().to_owned())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_written_as_they_are_read() {
        let some: TaskKinds = "hash, plan".parse().unwrap();
        assert!(some.has(TaskKind::Plan) && some.has(TaskKind::Hash) && !some.has(TaskKind::Chunk));
        assert_eq!(some.to_string(), "plan,hash");
        assert_eq!("".parse(), Ok(TaskKinds::ALL));
        assert!(TaskKind::ALL.iter().all(|k| TaskKinds::ALL.has(*k)));
        assert_eq!(TaskKinds::ALL.to_string(), "");
        assert_eq!("plan,encode".parse::<TaskKinds>(), Err("encode".to_owned()));
    }
}
