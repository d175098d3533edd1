//! What the fake API server stores, and what each verb does to it.

use serde_json::{Value, json};

use super::super::clock::TestClock;
use super::{Fault, Id, State, Target, is_background};

impl State {
    /// None: the process died and hears nothing.
    pub(super) fn answer(
        &mut self,
        session: usize,
        verb: &str,
        target: &Target,
        body: &[u8],
        clock: &TestClock,
    ) -> Option<(u16, Value)> {
        let broken = (500, failure(500, "InternalError", "injected"));
        let mut fault = None;
        if !["get", "list"].contains(&verb) && !is_background(&target.resource) {
            self.writes += 1;
            if let Some((_, resource)) = self.hold_from.clone().filter(|(at, _)| *at == self.writes) {
                self.held_watches.insert(resource);
            }
            fault = self.fault.filter(|(at, _)| *at == self.writes).map(|(_, fault)| fault);
            if fault.is_some() {
                self.fault = None;
            }
        }
        match fault {
            Some(Fault::CrashBefore) => {
                self.dead.insert(session);
                None
            }
            Some(Fault::Refuse) => Some(broken),
            Some(Fault::CrashAfter) => {
                self.perform(verb, target, body, clock);
                self.dead.insert(session);
                None
            }
            Some(Fault::RefuseAfter) => {
                self.perform(verb, target, body, clock);
                Some(broken)
            }
            None => Some(self.perform(verb, target, body, clock)),
        }
    }

    pub(super) fn perform(&mut self, verb: &str, target: &Target, body: &[u8], clock: &TestClock) -> (u16, Value) {
        if self.missing.contains(&target.resource) {
            return (404, failure(404, "NotFound", "the server could not find the requested resource"));
        }
        let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let mut id = (target.resource.clone(), target.namespace.clone(), target.name.clone());
        let not_found = (404, failure(404, "NotFound", "not found"));
        match verb {
            "list" => {
                let items = self.find(target, None);
                (
                    200,
                    json!({ "kind": "List", "apiVersion": "v1",
                    "metadata": { "resourceVersion": self.version.to_string() }, "items": items }),
                )
            }
            "get" => self.objects.get(&id).map_or(not_found, |object| (200, object.clone())),
            "create" => {
                id.2 = body["metadata"]["name"].as_str().unwrap_or_default().to_owned();
                if self.objects.contains_key(&id) {
                    return (409, failure(409, "AlreadyExists", "already exists"));
                }
                let now = self.now(clock);
                (201, self.create(&id, body, &now))
            }
            "update" | "patch" | "patch_status" => {
                if !self.objects.contains_key(&id) {
                    return not_found;
                }
                match self.patch(&id, &body, verb == "patch_status", verb != "update") {
                    Ok(object) => (200, object),
                    Err(message) => (409, failure(409, "Conflict", &message)),
                }
            }
            "delete" => {
                let Some(object) = self.objects.get(&id) else { return not_found };
                let uid = &body["preconditions"]["uid"];
                if !uid.is_null() && *uid != object["metadata"]["uid"] {
                    return (409, failure(409, "Conflict", "uid precondition"));
                }
                if target.resource == "pods" && !pod_has_ended(object) {
                    let mark = json!({ "metadata": { "deletionTimestamp": self.now(clock) } });
                    let _ = self.patch(&id, &mark, false, true);
                } else {
                    self.remove(&id);
                }
                (200, json!({ "kind": "Status", "apiVersion": "v1", "status": "Success" }))
            }
            other => (405, failure(405, "MethodNotAllowed", other)),
        }
    }

    pub(super) fn create(&mut self, id: &Id, mut object: Value, now: &str) -> Value {
        self.next_uid += 1;
        let metadata = object["metadata"].as_object_mut().unwrap();
        metadata.insert("namespace".into(), json!(id.1));
        metadata.insert("uid".into(), json!(format!("uid-{}", self.next_uid)));
        metadata.insert("generation".into(), json!(1));
        metadata.insert("creationTimestamp".into(), json!(format!("{}Z", now.get(..19).unwrap())));
        match id.0.as_str() {
            "pods" => object["status"] = json!({ "phase": "Pending" }),
            "employeesyncjobs" => object["status"] = json!({ "phase": "Queued" }),
            "leases" | "events" => {}
            _ => {
                object.as_object_mut().unwrap().remove("status");
            }
        }
        self.store(id, object, "ADDED")
    }

    /// Applies a merge patch (or a whole object) to the object or to its status, with the preconditions in metadata.
    pub(super) fn patch(&mut self, id: &Id, patch: &Value, status: bool, merge: bool) -> Result<Value, String> {
        let old = self.objects.get(id).cloned().unwrap();
        for field in ["resourceVersion", "uid"] {
            let wanted = &patch["metadata"][field];
            if !wanted.is_null() && *wanted != old["metadata"][field] {
                return Err(format!("{field} precondition"));
            }
        }
        let mut new = old.clone();
        if status && merge {
            merge_into(&mut new["status"], &patch["status"]);
        } else if status {
            new["status"] = patch["status"].clone();
        } else {
            let mut rest = patch.clone();
            rest.as_object_mut().unwrap().remove("status");
            if let Some(metadata) = rest["metadata"].as_object_mut() {
                metadata.remove("resourceVersion");
            }
            if !merge {
                new["spec"] = json!({});
            }
            merge_into(&mut new, &rest);
        }
        if new["spec"] != old["spec"] {
            new["metadata"]["generation"] = json!(old["metadata"]["generation"].as_i64().unwrap_or(1) + 1);
        }
        if new == old {
            return Ok(old);
        }
        Ok(self.store(id, new, "MODIFIED"))
    }

    pub(super) fn store(&mut self, id: &Id, mut object: Value, event: &str) -> Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.objects.insert(id.clone(), object.clone());
        self.history.push((self.version, id.0.clone(), json!({ "type": event, "object": object })));
        object
    }

    /// Deletes an object and, at once or later, whatever it owns.
    pub(super) fn remove(&mut self, id: &Id) {
        let Some(mut object) = self.objects.remove(id) else { return };
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.history.push((self.version, id.0.clone(), json!({ "type": "DELETED", "object": object })));
        let uid = object["metadata"]["uid"].clone();
        let owned = |child: &Value| child["metadata"]["ownerReferences"][0]["uid"] == uid;
        let children: Vec<Id> =
            self.objects.iter().filter(|(_, child)| owned(child)).map(|(id, _)| id.clone()).collect();
        if self.lazy_garbage {
            self.garbage.extend(children);
        } else {
            children.iter().for_each(|id| self.remove(id));
        }
    }

    pub(super) fn find(&self, target: &Target, selector: Option<&str>) -> Vec<Value> {
        let here = |id: &&Id| id.0 == target.resource && (target.namespace.is_empty() || id.1 == target.namespace);
        let found = self.objects.iter().filter(|(id, _)| here(id)).map(|(_, object)| object.clone());
        found.filter(|object| selected(object, selector)).collect()
    }
}

pub(super) fn selected(object: &Value, selector: Option<&str>) -> bool {
    let Some((key, value)) = selector.and_then(|text| text.split_once('=')) else { return true };
    object["metadata"]["labels"][key] == value
}

fn pod_has_ended(pod: &Value) -> bool {
    ["Succeeded", "Failed"].contains(&pod["status"]["phase"].as_str().unwrap_or_default())
}

/// RFC 7386.
fn merge_into(target: &mut Value, patch: &Value) {
    let Some(fields) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let object = target.as_object_mut().unwrap();
    for (key, value) in fields {
        if value.is_null() {
            object.remove(key);
        } else {
            merge_into(object.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

pub(super) fn failure(code: u16, reason: &str, message: &str) -> Value {
    json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message })
}
