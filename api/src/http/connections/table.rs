//! All connections: who is admitted, who has to make room, who is overdue.

use super::{
    connection::{Connection, Ending},
    limits::Limits,
};
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

/// Of the connections that could make room, one in so many is ended at once: looking for them costs a look at each.
const SHED_SHARE: usize = 64;
/// How often refusals are logged.
const SAY: Duration = Duration::from_secs(10);

/// All connections there are.
#[derive(Debug)]
pub struct Table {
    limits: Limits,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    connections: HashMap<u64, Arc<Connection>>,
    /// Connections of each address: ordinary ones, and of the reserve.
    by_address: HashMap<IpAddr, (usize, usize)>,
    /// Connections of the reserve.
    reserved: usize,
    next: u64,
    refused: u64,
    shed: u64,
    said: Option<Instant>,
}

/// A place in the table, given back when it is dropped.
#[derive(Debug)]
pub struct Place {
    pub connection: Arc<Connection>,
    id: u64,
    table: Arc<Table>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.table.open().remove(self.id);
    }
}

impl Open {
    fn insert(&mut self, connection: Connection) -> (u64, Arc<Connection>) {
        let of_address = self.by_address.entry(connection.subscriber).or_default();
        if connection.from_reserve {
            of_address.1 += 1;
            self.reserved += 1;
        } else {
            of_address.0 += 1;
        }
        let (id, connection) = (self.next, Arc::new(connection));
        self.next += 1;
        self.connections.insert(id, connection.clone());
        (id, connection)
    }

    fn remove(&mut self, id: u64) {
        let Some(connection) = self.connections.remove(&id) else { return };
        let Some(of_address) = self.by_address.get_mut(&connection.subscriber) else { return };
        if connection.from_reserve {
            of_address.1 -= 1;
            self.reserved -= 1;
        } else {
            of_address.0 -= 1;
        }
        if *of_address == (0, 0) {
            self.by_address.remove(&connection.subscriber);
        }
    }

    fn ordinary(&self) -> usize {
        self.connections.len() - self.reserved
    }

    /// Ends the connections that have been idle for longest, of one address or of all; whether there was one.
    fn shed(&mut self, of: Option<IpAddr>) -> bool {
        let ours = |c: &Connection| !c.from_reserve && of.is_none_or(|a| a == c.subscriber);
        let idle = self.connections.iter().filter(|(_, c)| ours(c));
        let mut idle: Vec<_> = idle.filter_map(|(id, c)| Some((c.idle_since()?, *id))).collect();
        if idle.is_empty() {
            return false;
        }
        let most = idle.len().div_ceil(SHED_SHARE);
        idle.select_nth_unstable(most - 1);
        for (_, id) in &idle[..most] {
            if let Some(connection) = self.connections.get(id) {
                connection.end(Ending::Shed);
            }
            // Its place is free at once, its descriptor when its task has run.
            self.remove(*id);
        }
        self.shed += most as u64;
        true
    }

    /// Tells the log about refusals, not about each.
    fn say(&mut self, now: Instant) {
        let due = self.said.is_none_or(|s| now.saturating_duration_since(s) >= SAY);
        if due && (self.refused > 0 || self.shed > 0) {
            tracing::warn!(
                open = self.connections.len(),
                addresses = self.by_address.len(),
                shed = self.shed,
                refused = self.refused,
                "connections have reached a limit: idle ones were ended, others refused"
            );
            (self.refused, self.shed, self.said) = (0, 0, Some(now));
        }
    }
}

impl Table {
    /// An empty one, whose overdue connections are ended as long as it lives.
    pub fn open_for(limits: Limits) -> Arc<Self> {
        let table = Arc::new(Self { limits, open: Mutex::default() });
        tokio::spawn(watch(Arc::downgrade(&table), limits));
        table
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a connection: an ordinary one, where that needs it by ending an idle connection, else one of the
    /// reserve. `exempt` addresses speak for many and have no limit of their own.
    pub fn admit(self: &Arc<Self>, subscriber: IpAddr, exempt: bool) -> Option<Place> {
        let mut open = self.open();
        let (mine, mine_reserved) = open.by_address.get(&subscriber).copied().unwrap_or_default();
        let own_room = exempt || mine < self.limits.per_address || open.shed(Some(subscriber));
        let room = own_room && (open.ordinary() < self.limits.total || open.shed(None));
        let reserve =
            open.reserved < self.limits.reserve && (exempt || mine_reserved < self.limits.reserve_per_address);
        if !room && !reserve {
            open.refused += 1;
            open.say(Instant::now());
            return None;
        }
        let (id, connection) = open.insert(Connection::new(subscriber, !room));
        Some(Place { connection, id, table: self.clone() })
    }

    /// Ends what is overdue.
    fn sweep(&self, now: Instant) {
        let mut open = self.open();
        for connection in open.connections.values() {
            if let Some(why) = connection.overdue(&self.limits.patience, now) {
                tracing::debug!(client = %connection.subscriber, ?why, "a connection is ended");
                connection.end(why);
            }
        }
        open.say(now);
    }
}

/// Looks after a table as long as it lives.
async fn watch(table: Weak<Table>, limits: Limits) {
    let tick = (limits.patience.silent / 8).clamp(Duration::from_millis(50), Duration::from_secs(1));
    let mut ticks = tokio::time::interval(tick);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match table.upgrade() {
            Some(table) => table.sweep(Instant::now()),
            None => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::limits::Patience, *};

    fn table(total: usize, per_address: usize) -> Arc<Table> {
        let patience = Patience::new(Duration::from_secs(60));
        Table::open_for(Limits { patience, total, per_address, reserve: 3, reserve_per_address: 2 })
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn busy(place: Place) -> Place {
        place.connection.ask();
        place
    }

    #[tokio::test]
    async fn idle_connections_make_room_and_busy_ones_do_not() {
        let table = table(100, 3);
        let admit = || table.admit(address(1), false);
        let places: Vec<Place> = (0..3).map(|_| admit().unwrap()).collect();
        let fourth = busy(admit().unwrap());
        assert!(!fourth.connection.from_reserve && places[0].connection.is_ended(), "the one that was idle longest");
        assert!(!places[1].connection.is_ended() && !places[2].connection.is_ended());
        let held: Vec<Place> = places.into_iter().skip(1).map(busy).collect();
        let reserved: Vec<Place> = (0..2).map(|_| admit().unwrap()).collect();
        assert!(reserved.iter().all(|p| p.connection.from_reserve));
        assert!(admit().is_none(), "one address has not all of the reserve");
        assert!(!table.admit(address(2), false).unwrap().connection.from_reserve, "others are not concerned");
        assert!(!table.admit(address(1), true).unwrap().connection.from_reserve, "a proxy speaks for many");
        drop(held);
        assert!(!admit().unwrap().connection.from_reserve);
    }

    #[tokio::test]
    async fn the_whole_is_bounded_and_the_reserve_stays() {
        let table = table(4, 10);
        let mut places: Vec<Place> = (0..4).map(|i| busy(table.admit(address(i), false).unwrap())).collect();
        for i in 10..13 {
            places.push(table.admit(address(i), false).unwrap());
            assert!(places.last().unwrap().connection.from_reserve);
        }
        assert!(table.admit(address(13), true).is_none());
        assert!(places.iter().all(|p| !p.connection.is_ended()));
        places.remove(0);
        assert!(!table.admit(address(14), false).unwrap().connection.from_reserve);
        drop(places);
        assert!(table.open().by_address.is_empty() && table.open().reserved == 0);
    }
}
