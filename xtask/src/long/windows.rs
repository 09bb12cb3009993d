//! The command for Windows, cross-built and used under Wine.

use anyhow::Result;

use crate::dist::{WINDOWS, release};
use crate::process::{cargo, program, root, run as run_command};

pub fn check() -> Result<()> {
    let built = release(&root(), WINDOWS, &["keymuster"])?;
    run_command(&mut cargo(&["build", "--locked", "--workspace", "--bins"]))?;
    run_command(program(root().join("target/debug/on_windows"), &[]).arg(built.join("keymuster.exe")))
}
