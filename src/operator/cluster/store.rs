//! The operator's memory of the cluster: reduced objects by namespace and name, with one index.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// An object that can be kept.
pub trait Stored: Send + Sync + 'static {
    /// Its namespace.
    fn namespace(&self) -> &str;
    /// Its name.
    fn name(&self) -> &str;
    /// Its uid.
    fn uid(&self) -> &str;
    /// Its version.
    fn resource_version(&self) -> &str;
    /// Names under which [`Store::group`] finds it, such as that of its setting.
    fn groups(&self) -> Vec<String>;
    /// Where it stands within its groups; those with the same order go by name.
    fn order(&self) -> String {
        String::new()
    }
}

/// What was known of an object and what is known now.
pub type BeforeAfter<V> = (Option<Arc<V>>, Option<Arc<V>>);

/// All objects of one kind.
#[derive(Debug)]
pub struct Store<V> {
    inner: RwLock<Inner<V>>,
}

#[derive(Debug)]
struct Inner<V> {
    objects: HashMap<String, BTreeMap<String, Arc<V>>>,
    groups: HashMap<(String, String), BTreeSet<(String, String)>>,
}

impl<V> Default for Store<V> {
    fn default() -> Self {
        Self { inner: RwLock::new(Inner { objects: HashMap::new(), groups: HashMap::new() }) }
    }
}

impl<V: Stored> Store<V> {
    /// One object.
    pub fn get(&self, namespace: &str, name: &str) -> Option<Arc<V>> {
        self.read().objects.get(namespace)?.get(name).cloned()
    }

    /// The objects of a group, in order.
    pub fn group(&self, namespace: &str, group: &str) -> Vec<Arc<V>> {
        let inner = self.read();
        let names = inner.groups.get(&(namespace.to_owned(), group.to_owned()));
        let objects = inner.objects.get(namespace);
        names.into_iter().flatten().filter_map(|(_, name)| objects?.get(name).cloned()).collect()
    }

    /// The first object of a group.
    pub fn first(&self, namespace: &str, group: &str) -> Option<Arc<V>> {
        let inner = self.read();
        let (_, name) = inner.groups.get(&(namespace.to_owned(), group.to_owned()))?.first()?;
        inner.objects.get(namespace)?.get(name).cloned()
    }

    /// All objects.
    pub fn all(&self) -> Vec<Arc<V>> {
        self.read().objects.values().flat_map(BTreeMap::values).cloned().collect()
    }

    /// Keeps an object; gives back what was known of it.
    pub fn put(&self, object: Arc<V>) -> Option<Arc<V>> {
        self.write().put(object)
    }

    /// Forgets an object; gives back what was known of it.
    pub fn remove(&self, namespace: &str, name: &str) -> Option<Arc<V>> {
        self.write().remove(namespace, name)
    }

    /// Makes `objects` everything there is in a namespace (None: anywhere). Gives back each change as (before, after);
    /// what has the same version as before is none.
    pub fn replace(&self, namespace: Option<&str>, objects: Vec<Arc<V>>) -> Vec<BeforeAfter<V>> {
        let mut inner = self.write();
        let kept: BTreeSet<(String, String)> =
            objects.iter().map(|one| (one.namespace().to_owned(), one.name().to_owned())).collect();
        let known = inner.objects.iter().filter(|(key, _)| namespace.is_none_or(|only| only == key.as_str()));
        let gone: Vec<(String, String)> = known
            .flat_map(|(key, names)| names.keys().map(move |name| (key.clone(), name.clone())))
            .filter(|key| !kept.contains(key))
            .collect();
        let mut changes: Vec<_> = gone.iter().map(|(space, name)| (inner.remove(space, name), None)).collect();
        for object in objects {
            let before = inner.put(Arc::clone(&object));
            if before.as_ref().is_none_or(|before| !is_same(before.as_ref(), object.as_ref())) {
                changes.push((before, Some(object)));
            }
        }
        changes
    }

    // A panic while the lock is held cannot leave half a change: each change is one map operation after the other
    // without calls that can panic, so a poisoned lock is used on.
    fn read(&self) -> RwLockReadGuard<'_, Inner<V>> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner<V>> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether two views are of the same version of the same object.
fn is_same<V: Stored>(one: &V, other: &V) -> bool {
    one.uid() == other.uid() && one.resource_version() == other.resource_version()
}

impl<V: Stored> Inner<V> {
    fn put(&mut self, object: Arc<V>) -> Option<Arc<V>> {
        let before = self.remove(object.namespace(), object.name());
        for group in object.groups() {
            let place = (object.order(), object.name().to_owned());
            self.groups.entry((object.namespace().to_owned(), group)).or_default().insert(place);
        }
        let names = self.objects.entry(object.namespace().to_owned()).or_default();
        names.insert(object.name().to_owned(), object);
        before
    }

    fn remove(&mut self, namespace: &str, name: &str) -> Option<Arc<V>> {
        let names = self.objects.get_mut(namespace)?;
        let before = names.remove(name)?;
        if names.is_empty() {
            self.objects.remove(namespace);
        }
        for group in before.groups() {
            let key = (namespace.to_owned(), group);
            if let Some(members) = self.groups.get_mut(&key) {
                members.remove(&(before.order(), name.to_owned()));
                if members.is_empty() {
                    self.groups.remove(&key);
                }
            }
        }
        Some(before)
    }
}
