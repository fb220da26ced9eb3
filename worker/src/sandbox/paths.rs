//! Landlock: no path, no port, no other process, as far as the kernel knows how to forbid them.

use landlock::{
    ABI, Access, AccessFs, AccessNet, LandlockStatus, Ruleset, RulesetAttr, RulesetError, RulesetStatus, Scope,
};

/// The newest rules that are asked for; an older kernel enforces those it has.
const NEWEST: ABI = ABI::V7;

/// Forbids everything that Landlock can; which version of it did.
pub fn forbid() -> Result<String, String> {
    let status = ruleset().map_err(|e| e.to_string())?;
    match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, LandlockStatus::NotImplemented) => Err("not in this kernel".to_owned()),
        (RulesetStatus::NotEnforced, _) => Err("not enabled in this kernel".to_owned()),
        (_, LandlockStatus::Available { effective_abi, .. }) => Ok(format!("ABI {}", effective_abi as i32)),
        (_, other) => Err(format!("{other:?}")),
    }
}

fn ruleset() -> Result<landlock::RestrictionStatus, RulesetError> {
    Ruleset::default()
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?
        .restrict_self()
}
