//! The web app's files are read when the crate is compiled, but not all of them are named in it: a file that is new
//! must have it compiled again.

fn main() {
    println!("cargo::rerun-if-changed=web/dist");
}
