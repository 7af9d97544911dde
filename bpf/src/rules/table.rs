//! The rules in force, and the changes that `maps.rs` writes to the kernel.

use std::collections::{HashMap, HashSet};

use super::layout::{Port, RULES, SHAPES, Shape, Term, VERSIONS, shapes_to_bytes};
use crate::{Error, Ports};

/// Number of ports.
const PORTS: usize = 1 << 16;

/// Up to this many single ports are looked up one by one, more by a pass over all.
const FEW: usize = 16;

/// The rules of a program.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Rules for UDP or TCP ports alone: the bits of `whole`.
    wholes: Wholes,
    /// All other rules, each a key.
    terms: HashSet<Term>,
    /// By IP version: their shapes, each at the index of its bit.
    shapes: [[Option<Slot>; SHAPES]; VERSIONS],
    /// By IP version: how many of them there are, and how many rules of either kind match TCP.
    keys: [usize; VERSIONS],
    tcp: [usize; VERSIONS],
    /// The shapes marked at single ports, and at ranges.
    singles: HashMap<Ports, Marks>,
    ranges: HashMap<Ports, Marks>,
}

#[derive(Debug)]
struct Slot {
    shape: Shape,
    mask: Vec<u8>,
    rules: usize,
}

/// Shapes, by IP version and index, and how many rules mark them.
type Marks = Vec<((usize, u16), usize)>;

/// What has to change in the kernel after rules were added or removed.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) ports: Vec<Ports>,
    /// Keys that were added or removed, by IP version.
    pub(super) keys: [Vec<Vec<u8>>; VERSIONS],
    pub(super) shapes: bool,
}

impl Table {
    /// Returns whether the rule was new. An error leaves the table as it was.
    pub(super) fn add(&mut self, term: Term, changes: &mut Changes) -> Result<bool, Error> {
        let is_new = match term.whole() {
            Some((bit, ports)) => {
                let is_new = self.wholes.set(ports, bit, true);
                if is_new {
                    changes.ports.push(ports);
                }
                is_new
            }
            None if self.terms.contains(&term) => false,
            None => {
                let shape = self.join_shape(&term, changes)?;
                changes.keys[term.version()].push(term.key(shape));
                if let Some(ports) = term.ports() {
                    self.mark(ports, (term.version(), shape), changes);
                }
                self.keys[term.version()] += 1;
                self.terms.insert(term)
            }
        };
        if is_new && term.names_tcp() {
            self.tcp[term.version()] += 1;
            changes.shapes |= self.tcp[term.version()] == 1;
        }
        Ok(is_new)
    }

    /// Returns whether there was such a rule.
    pub(super) fn remove(&mut self, term: Term, changes: &mut Changes) -> bool {
        let was_there = match term.whole() {
            Some((bit, ports)) => {
                let was_there = self.wholes.set(ports, bit, false);
                if was_there {
                    changes.ports.push(ports);
                }
                was_there
            }
            None if !self.terms.remove(&term) => false,
            None => {
                self.keys[term.version()] -= 1;
                if let Some(shape) = self.leave_shape(&term, changes) {
                    changes.keys[term.version()].push(term.key(shape));
                    if let Some(ports) = term.ports() {
                        self.unmark(ports, (term.version(), shape), changes);
                    }
                }
                true
            }
        };
        if was_there && term.names_tcp() {
            self.tcp[term.version()] -= 1;
            changes.shapes |= self.tcp[term.version()] == 0;
        }
        was_there
    }

    /// The index of the rule's shape, which is added if no other rule has it.
    fn join_shape(&mut self, term: &Term, changes: &mut Changes) -> Result<u16, Error> {
        if self.keys[term.version()] == RULES {
            return Err(Error::TooManyRules);
        }
        let shape = term.shape();
        let slots = &mut self.shapes[term.version()];
        let known = slots.iter().position(|slot| is_of(slot, shape));
        let index = known.or_else(|| slots.iter().position(Option::is_none));
        let (index, slot) = index
            .and_then(|index| Some((index, slots.get_mut(index)?)))
            .ok_or(Error::TooManyShapes)?;
        changes.shapes |= known.is_none();
        slot.get_or_insert_with(|| Slot {
            shape,
            mask: term.mask(),
            rules: 0,
        })
        .rules += 1;
        Ok(index as u16)
    }

    /// The index of the rule's shape, which is removed with its last rule.
    fn leave_shape(&mut self, term: &Term, changes: &mut Changes) -> Option<u16> {
        let shape = term.shape();
        let mut slots = self.shapes[term.version()].iter_mut().enumerate();
        let (index, place) = slots.find(|(_, slot)| is_of(slot, shape))?;
        let slot = place.as_mut()?;
        slot.rules -= 1;
        if slot.rules == 0 {
            *place = None;
            changes.shapes = true;
        }
        Some(index as u16)
    }

    fn marks(&mut self, ports: Ports) -> &mut HashMap<Ports, Marks> {
        match ports.single() {
            Some(_) => &mut self.singles,
            None => &mut self.ranges,
        }
    }

    fn mark(&mut self, ports: Ports, mark: (usize, u16), changes: &mut Changes) {
        let marks = self.marks(ports).entry(ports).or_default();
        match marks.iter_mut().find(|(found, _)| *found == mark) {
            Some((_, count)) => *count += 1,
            None => {
                marks.push((mark, 1));
                changes.ports.push(ports);
            }
        }
    }

    fn unmark(&mut self, ports: Ports, mark: (usize, u16), changes: &mut Changes) {
        let all = self.marks(ports);
        let Some(marks) = all.get_mut(&ports) else {
            return;
        };
        for (_, count) in marks.iter_mut().filter(|(found, _)| *found == mark) {
            *count -= 1;
        }
        let before = marks.len();
        marks.retain(|(_, count)| *count > 0);
        if marks.len() < before {
            changes.ports.push(ports);
        }
        if marks.is_empty() {
            all.remove(&ports);
        }
    }

    /// These ports and their elements, in order.
    pub(super) fn say(&self, changed: &[Ports]) -> Vec<(u16, Port)> {
        let singles = changed.iter().map(|ports| ports.single());
        if changed.len() <= FEW
            && let Some(mut singles) = singles.collect::<Option<Vec<_>>>()
        {
            singles.sort_unstable();
            singles.dedup();
            let said = singles.into_iter().map(|port| (port, self.port(port)));
            return said.collect();
        }
        let mut is_changed = vec![false; PORTS];
        for ports in changed {
            is_changed[ports.indices()].fill(true);
        }
        let all = self.all();
        let all = (0..=u16::MAX).zip(all).zip(is_changed);
        all.filter_map(|(said, is_changed)| is_changed.then_some(said))
            .collect()
    }

    fn port(&self, port: u16) -> Port {
        let mut said = Port {
            whole: self.wholes.of(port),
            ..Port::default()
        };
        let ranges = self.ranges.iter();
        let ranges = ranges.filter(|(ports, _)| ports.contains(port));
        let single = self.singles.get(&Ports::from(port));
        for marks in single.into_iter().chain(ranges.map(|(_, marks)| marks)) {
            said.shapes = or(said.shapes, bits(marks));
        }
        said
    }

    /// The elements of all ports.
    fn all(&self) -> Vec<Port> {
        let wholes = self.wholes.all().into_iter();
        let mut all: Vec<_> = wholes
            .map(|whole| Port {
                whole,
                ..Port::default()
            })
            .collect();
        for (ports, marks) in self.ranges.iter().chain(&self.singles) {
            let bits = bits(marks);
            for port in &mut all[ports.indices()] {
                port.shapes = or(port.shapes, bits);
            }
        }
        all
    }

    /// The element of the shapes.
    pub(super) fn shapes_to_bytes(&self) -> Vec<u8> {
        let shapes = self.shapes.each_ref().map(|slots| {
            slots.each_ref().map(|slot| {
                let slot = slot.as_ref();
                slot.map(|slot| (slot.shape, slot.mask.clone()))
            })
        });
        shapes_to_bytes(&shapes, self.tcp.map(|rules| rules > 0))
    }
}

fn is_of(slot: &Option<Slot>, shape: Shape) -> bool {
    slot.as_ref().is_some_and(|slot| slot.shape == shape)
}

fn bits(marks: &Marks) -> [u16; VERSIONS] {
    let mut bits = [0; VERSIONS];
    for ((version, shape), _) in marks {
        bits[*version] |= 1 << shape;
    }
    bits
}

fn or(a: [u16; VERSIONS], b: [u16; VERSIONS]) -> [u16; VERSIONS] {
    [a[0] | b[0], a[1] | b[1]]
}

/// Rules that match all of UDP or TCP to their ports: a bit per protocol and IP version.
#[derive(Debug)]
struct Wholes {
    /// By port.
    singles: Vec<u16>,
    ranges: HashMap<Ports, u16>,
}

impl Default for Wholes {
    fn default() -> Self {
        Self {
            singles: vec![0; PORTS],
            ranges: HashMap::new(),
        }
    }
}

impl Wholes {
    /// Sets or clears the bit. Returns whether that changed it.
    fn set(&mut self, ports: Ports, bit: u16, is_set: bool) -> bool {
        let bits = match ports.single() {
            Some(port) => &mut self.singles[usize::from(port)],
            None => self.ranges.entry(ports).or_default(),
        };
        let before = *bits;
        *bits = if is_set { before | bit } else { before & !bit };
        let is_changed = *bits != before;
        if *bits == 0 {
            self.ranges.remove(&ports);
        }
        is_changed
    }

    fn of(&self, port: u16) -> u16 {
        let ranges = self.ranges.iter();
        let ranges = ranges.filter(|(ports, _)| ports.contains(port));
        ranges.fold(self.singles[usize::from(port)], |all, (_, bits)| all | bits)
    }

    fn all(&self) -> Vec<u16> {
        let mut all = self.singles.clone();
        for (ports, bits) in &self.ranges {
            for whole in &mut all[ports.indices()] {
                *whole |= bits;
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Prefix, Rule};

    #[derive(Debug, PartialEq)]
    enum TooMany {
        Rules,
        Shapes,
    }

    fn add(table: &mut Table, rule: Rule) -> (Vec<Result<bool, TooMany>>, Changes) {
        let mut changes = Changes::default();
        let terms = rule.versions();
        let added = terms.map(|term| match table.add(term, &mut changes) {
            Ok(is_new) => Ok(is_new),
            Err(Error::TooManyRules) => Err(TooMany::Rules),
            Err(Error::TooManyShapes) => Err(TooMany::Shapes),
            Err(other) => panic!("{other}"),
        });
        (added.collect(), changes)
    }

    fn remove(table: &mut Table, rule: Rule) -> Changes {
        let mut changes = Changes::default();
        for term in rule.versions() {
            assert!(table.remove(term, &mut changes), "{rule:?}");
            assert!(!table.remove(term, &mut Changes::default()), "{rule:?}");
        }
        changes
    }

    fn at(ports: impl Into<Ports>, text: &str) -> Rule {
        Rule::udp(ports).to(text.parse::<Prefix>().unwrap())
    }

    /// A port in overlapping ranges is marked as long as one of them is left.
    #[test]
    fn a_port_says_what_is_left_of_its_rules() {
        let mut table = Table::default();
        let rules = [Rule::udp(10..=20), Rule::udp(15..=30), Rule::udp(15)];
        for rule in rules {
            add(&mut table, rule);
        }
        let whole = |table: &Table| {
            [9, 10, 15, 20, 21, 30, 31].map(|port| {
                let said = table.port(port);
                assert_eq!(table.all()[usize::from(port)], said);
                said.whole
            })
        };
        assert_eq!(whole(&table), [0, 3, 3, 3, 3, 3, 0]);
        remove(&mut table, rules[0]);
        assert_eq!(whole(&table), [0, 0, 3, 3, 3, 3, 0]);
        remove(&mut table, rules[1]);
        assert_eq!(whole(&table), [0, 0, 3, 0, 0, 0, 0]);
        remove(&mut table, rules[2]);
        assert_eq!(whole(&table), [0; 7]);
        assert!(table.wholes.ranges.is_empty());
    }

    /// A second rule of a shape is one key and nothing else, unless its port is new.
    #[test]
    fn rules_of_one_shape_share_it_until_the_last_is_gone() {
        let mut table = Table::default();
        let (first, second) = (at(9, "192.0.2.1"), at(9, "192.0.2.2"));
        let (added, changes) = add(&mut table, first);
        assert_eq!(added, [Ok(true)]);
        assert_eq!((changes.ports.len(), changes.keys[0].len()), (1, 1));
        assert!(changes.shapes);
        assert_eq!(add(&mut table, first).0, [Ok(false)]);
        let (_, changes) = add(&mut table, second);
        assert_eq!((changes.ports.len(), changes.keys[0].len()), (0, 1));
        assert!(!changes.shapes);
        assert_eq!(table.port(9).shapes, [1, 0]);
        let changes = remove(&mut table, first);
        assert!(changes.ports.is_empty() && !changes.shapes);
        let changes = remove(&mut table, second);
        assert!(changes.ports.len() == 1 && changes.shapes);
        assert_eq!(table.port(9), Port::default());
        assert_eq!(table.shapes_to_bytes(), Table::default().shapes_to_bytes());
    }

    #[test]
    fn a_shape_too_many_is_refused_and_room_comes_back() {
        let mut table = Table::default();
        let of_len = |len: usize| at(9, &format!("128.0.0.0/{len}"));
        for len in 1..=SHAPES {
            assert_eq!(add(&mut table, of_len(len)).0, [Ok(true)]);
        }
        let refused = [Err(TooMany::Shapes)];
        assert_eq!(add(&mut table, of_len(SHAPES + 1)).0, refused);
        // What needs no shape, or has one, or is of the other version, is no matter.
        assert_eq!(add(&mut table, Rule::tcp(7..=9)).0, [Ok(true), Ok(true)]);
        assert_eq!(add(&mut table, at(8, "192.0.0.0/2")).0, [Ok(true)]);
        assert_eq!(add(&mut table, at(8, "2001:db8::/32")).0, [Ok(true)]);
        remove(&mut table, of_len(5));
        assert_eq!(add(&mut table, of_len(SHAPES + 1)).0, [Ok(true)]);
        assert_eq!(table.port(9).shapes, [u16::MAX, 0]);
    }
}
