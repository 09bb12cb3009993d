//! The chart: what helm says about it, and whether Kubernetes would take what it makes of two sets of values.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::image::venv;
use crate::process::{output, program, root, run as run_command, succeeds};

const HELM: &str = "3.18.6";
const CHART: &str = "packaging/helm/keymuster-host";
/// The defaults, and everything that can be chosen.
const VALUES: [&str; 2] = ["packaging/helm/keymuster-host/values.yaml", "packaging/helm/checked-values.yaml"];
/// Helm that was built from source takes the cluster for an ancient one, unless it is told.
const KUBERNETES: [&str; 2] = ["--kube-version", "1.30.0"];
/// What the schema must refuse.
const WRONG: [&str; 4] = ["service.port=0", "service.type=Ingress", "replicas=2", "terminationGracePeriodSeconds=5"];

pub fn check() -> Result<()> {
    let helm = helm()?;
    let validate = venv()?.join("kubernetes-validate");
    for values in VALUES {
        run_command(program(&helm, &["lint", "--strict", CHART, "--values", values]).args(KUBERNETES))?;
        let made = output(template(&helm).args(["--namespace", "licensing", "--values", values]))?;
        let file = root().join("target/chart.yaml");
        // Of what Kubernetes itself does not know, only helm has an opinion.
        let known: Vec<&str> = made.split("\n---").filter(|part| !part.contains("kind: ServiceMonitor")).collect();
        fs::write(&file, known.join("\n---"))?;
        run_command(program(&validate, &["--strict"]).arg(&file))?;
    }
    for wrong in WRONG {
        let is_taken = succeeds(template(&helm).args(["--set", wrong]));
        ensure!(!is_taken, "the chart takes {wrong}");
    }
    Ok(())
}

fn template(helm: &Path) -> Command {
    let mut command = program(helm, &["template", "kms", CHART]);
    command.args(KUBERNETES);
    command
}

/// Helm is in no package of Debian, so it is built from its source, which Go's checksum database vouches for.
fn helm() -> Result<PathBuf> {
    let directory = root().join(format!("target/helm-{HELM}"));
    let helm = directory.join("helm");
    if !helm.exists() {
        let go = if Path::new("/usr/local/go/bin/go").exists() { "/usr/local/go/bin/go" } else { "go" };
        let module = format!("helm.sh/helm/v3/cmd/helm@v{HELM}");
        run_command(program(go, &["install", &module]).env("GOBIN", &directory)).context("could not build helm")?;
    }
    Ok(helm)
}
