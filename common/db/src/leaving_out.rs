//! What is left out of a package after it was planned, and what people are told of that.

use super::{Result, execute_tx, packages::PackagesTx, query_tx};
use sluice_model::{PackageId, Reason};

impl PackagesTx<'_> {
    /// Takes a passthrough that turns out not to fit after all out of the package. Where it was what grew, encoded
    /// renditions, and the sound, take its place in the growing presentation: those that are named.
    pub async fn drop_passthrough(&mut self, package: PackageId, growing: &[String]) -> Result<()> {
        let gone = "DELETE FROM segments WHERE package_id = $1 AND rendition IN \
                    (SELECT name FROM renditions WHERE package_id = $1 AND passthrough)";
        execute_tx!(self.0, gone, package)?;
        execute_tx!(self.0, "DELETE FROM renditions WHERE package_id = $1 AND passthrough", package)?;
        if growing.is_empty() {
            return Ok(());
        }
        for name in growing {
            execute_tx!(
                self.0,
                "UPDATE renditions SET role = 'both' WHERE package_id = $1 AND name = $2",
                package,
                name
            )?;
        }
        execute_tx!(self.0, "UPDATE packages SET playable = FALSE, revealed = 0 WHERE id = $1", package)?;
        Ok(())
    }

    /// Adds to what people are told of a package. What has several renditions is told once.
    pub async fn add_warning(&mut self, package: PackageId, warning: &Reason) -> Result<()> {
        let sql = "SELECT warnings FROM packages WHERE id = $1";
        let row = query_tx!(self.0, fetch_optional as (Option<String>,), sql, package)?;
        let known = row.and_then(|r| r.0);
        let mut warnings: Vec<Reason> = known.and_then(|w| serde_json::from_str(&w).ok()).unwrap_or_default();
        if warnings.contains(warning) {
            return Ok(());
        }
        warnings.push(warning.clone());
        let text = serde_json::to_string(&warnings).unwrap_or_else(|_| "[]".to_owned());
        self.set_warnings(package, &text).await
    }

    /// Takes renditions that only the final presentation would have listed out of a package, and tells people why.
    pub async fn leave_out(&mut self, package: PackageId, renditions: &[String], warning: &Reason) -> Result<()> {
        for rendition in renditions {
            self.drop_from_final(package, rendition).await?;
        }
        self.add_warning(package, warning).await
    }

    /// Takes a rendition out of the final presentation. Whoever watches the growing one goes on; what only the final one
    /// would have listed goes away.
    pub async fn drop_from_final(&mut self, package: PackageId, rendition: &str) -> Result<()> {
        let gone = "DELETE FROM segments WHERE package_id = $1 AND rendition IN \
                    (SELECT name FROM renditions WHERE package_id = $1 AND name = $2 AND role = 'full')";
        execute_tx!(self.0, gone, package, rendition)?;
        let unlisted = "DELETE FROM renditions WHERE package_id = $1 AND name = $2 AND role = 'full'";
        execute_tx!(self.0, unlisted, package, rendition)?;
        let growing = "UPDATE renditions SET role = 'first' WHERE package_id = $1 AND name = $2 AND role = 'both'";
        execute_tx!(self.0, growing, package, rendition)?;
        Ok(())
    }
}
