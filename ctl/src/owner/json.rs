// SPDX-License-Identifier: GPL-2.0
//! A socket's owner in JSON.

use std::rc::Rc;

use serde_json::{json, Value};

use super::{Cgroup, Container, Process};

/// An object whose fields name the processes that hold a socket, and what their control group stands for.
pub(crate) fn object(holders: &[Rc<Process>], cgroup: Option<&Cgroup>) -> Value {
    let processes = holders.iter().map(
        |holder| json!({"pid": holder.pid, "name": holder.name, "executable": holder.executable}),
    );
    json!({
        "program": holders.first().map(|holder| &holder.name),
        "processes": processes.collect::<Value>(),
        "unit": cgroup.and_then(Cgroup::unit),
        "container": cgroup.and_then(Cgroup::container).map(|Container { runtime, name }| {
            json!({"runtime": runtime, "name": name})
        }),
        "cgroup": cgroup.map(Cgroup::path),
    })
}
