//! What holds in every world, whatever happens.

use std::time::Duration;

use proptest::prelude::*;

use super::happenings::{Happening, history};
use super::{Kind, TERM, World};

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_stop_always_ends_and_leaves_nobody_behind(history in history(), obedient: bool, forks: bool) {
        let mut world = World::new(obedient, forks);
        for happening in history {
            world.happen(happening);
        }
        world.happen(Happening::Signal(TERM));
        world.pass(Duration::from_secs(60));
        world.write();
        prop_assert!(world.left.is_some(), "still there a minute after TERM: {:?}", world.processes);
        prop_assert!(world.waiting.is_empty(), "never answered: {:?}", world.waiting);
    }

    #[test]
    fn a_second_term_ends_even_who_ignores_the_first(history in history(), forks: bool) {
        let mut world = World::new(false, forks);
        for happening in history {
            world.happen(happening);
        }
        world.happen(Happening::Signal(TERM));
        world.happen(Happening::Signal(TERM));
        if world.processes.values().any(|kind| *kind == Kind::Stuck) {
            world.pass(Duration::from_secs(2));
        }
        prop_assert!(world.left.is_some(), "survived a second TERM: {:?}", world.processes);
    }

    #[test]
    fn nobody_waits_for_ever_for_an_answer_or_a_run(history in history(), forks: bool) {
        let mut world = World::new(true, forks);
        for happening in history {
            world.happen(happening);
        }
        // From here on everything that can go well does.
        for _ in 0..200 {
            world.happen(Happening::TimePasses(61_000));
            world.happen(Happening::ListenerReady(0));
            world.happen(Happening::ListenerReady(1));
            world.happen(Happening::ListenerReady(2));
            world.happen(Happening::Written(true));
            world.happen(Happening::Forks(true));
            world.happen(Happening::Written(true));
            world.happen(Happening::CallbackEnds(0, 0));
        }
        world.write();
        prop_assert!(world.waiting.is_empty(), "never answered: {:?}", world.waiting);
        prop_assert!(world.handed.is_empty() || world.left.is_some(), "never done: {:?}", world.handed);
        if world.left.is_none() {
            prop_assert_eq!(world.machine.open(), 0);
            prop_assert!(world.books.open().is_empty(), "accepted, and no outcome: {:?}", world.books.open());
        }
    }

    #[test]
    fn when_idle_there_is_no_deadline(asked in 0usize..5, forks: bool) {
        let mut world = World::new(true, forks);
        world.happen(Happening::ServicePrepared);
        for round in 0..20 {
            if round < asked {
                world.happen(Happening::Ask(0));
            }
            world.happen(Happening::TimePasses(6_000));
            world.happen(Happening::ListenerReady(0));
            world.happen(Happening::Written(true));
            world.happen(Happening::Forks(true));
            world.happen(Happening::Written(true));
            world.happen(Happening::CallbackEnds(0, 0));
            world.happen(Happening::ListenerReady(0));
            // The listener of a question for health.
            world.happen(Happening::ListenerReady(1));
            world.happen(Happening::Written(true));
            world.happen(Happening::Forks(true));
        }
        world.happen(Happening::Written(true));
        prop_assert_eq!(world.machine.deadline(world.now), None);
    }
}
