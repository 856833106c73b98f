//! The calls of the ABI, typed.

use nblease_abi::NtStatus;
use nblease_abi::configure::{Configure, ConfigureReply};
use nblease_abi::ioctl::{
    ABI_VERSION, AdapterEntry, AdapterList, IOCTL_CONFIGURE, IOCTL_LIST_ADAPTERS, IOCTL_QUERY_VERSION, IOCTL_STATS,
    IOCTL_VERDICT, VersionInfo,
};
use nblease_abi::rules::RuleRecord;
use nblease_abi::stats::{AdapterStats, LeaseStats, ReaderStats, StatsHeader};
use nblease_abi::verdict::VerdictsReply;
use zerocopy::{FromBytes, IntoBytes};

use crate::{Error, Target, Transport, Verdicts};

/// Room for this many adapters is offered first, and grown where it does not suffice.
const ADAPTERS_FIRST: usize = 16;

/// An adapter that the filter is attached to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adapter {
    /// What the driver said.
    pub entry: AdapterEntry,
    /// Its name for people.
    pub name: String,
    /// Device name of its base miniport.
    pub device: String,
}

/// The driver's counters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Whose counters `reader` are: one of `STATS_OF_*`.
    pub scope: u32,
    /// Readers that are configured now.
    pub readers: u32,
    /// The reader's counters, or the sums.
    pub reader: ReaderStats,
    /// What is held, and how long originals were.
    pub leases: LeaseStats,
    /// The adapters' counters.
    pub adapters: Vec<AdapterStats>,
}

/// An open handle of the control device whose driver speaks this ABI version.
#[derive(Debug)]
pub struct Device<T> {
    transport: T,
    version: VersionInfo,
}

impl Device<Box<dyn Transport>> {
    /// Opens the device and asks for its version.
    ///
    /// # Errors
    /// Where there is no device or its driver speaks another version.
    pub fn open(target: &Target) -> Result<Self, Error> {
        Self::over(target.open()?)
    }
}

impl<T: Transport> Device<T> {
    /// Over a handle that is open already.
    ///
    /// # Errors
    /// Where its driver speaks another version.
    pub fn over(mut transport: T) -> Result<Self, Error> {
        const CALL: &str = "QUERY_VERSION";
        let output_len = size_of::<VersionInfo>();
        let output = call(&mut transport, CALL, IOCTL_QUERY_VERSION, &[], output_len)?;
        let version = VersionInfo::read_from_bytes(&output).map_err(|_| Error::Malformed { call: CALL })?;
        if version.abi_version != ABI_VERSION {
            return Err(Error::AbiVersion { driver: version.abi_version });
        }
        Ok(Self { transport, version })
    }

    /// What the driver says of itself.
    pub const fn version(&self) -> &VersionInfo {
        &self.version
    }

    /// The file calls under it.
    pub const fn transport(&mut self) -> &mut T {
        &mut self.transport
    }

    /// All adapters that the filter is attached to.
    ///
    /// # Errors
    /// Where the call fails.
    pub fn adapters(&mut self) -> Result<Vec<Adapter>, Error> {
        const CALL: &str = "LIST_ADAPTERS";
        let mut room = ADAPTERS_FIRST;
        loop {
            let output_len = size_of::<AdapterList>() + room * size_of::<AdapterEntry>();
            let output = call(&mut self.transport, CALL, IOCTL_LIST_ADAPTERS, &[], output_len)?;
            let (head, entries) = AdapterList::parse(&output).map_err(|_| Error::Malformed { call: CALL })?;
            match grown(room, head.count, head.total) {
                Some(more) => room = more,
                None => return Ok(entries.map(Adapter::from).collect()),
            }
        }
    }

    /// Makes the handle a reader. Returns what it needs to know about its reads. Only a GATE may have rules; how many
    /// they are is put into the configuration here.
    ///
    /// # Errors
    /// Where the configuration is not valid, an adapter is not attached, the handle is a reader
    /// already, memory is short, or the readers' budgets together would be too long.
    pub fn configure(
        &mut self,
        config: &Configure,
        luids: &[u64],
        rules: &[RuleRecord],
    ) -> Result<ConfigureReply, Error> {
        const CALL: &str = "CONFIGURE";
        let rule_count = u32::try_from(rules.len()).unwrap_or(u32::MAX);
        let mut input = Configure { rule_count, ..*config }.as_bytes().to_vec();
        input.extend(luids.iter().flat_map(|luid| luid.to_le_bytes()));
        input.extend_from_slice(rules.as_bytes());
        Configure::parse(&input).map_err(Error::Config)?;
        let output_len = size_of::<ConfigureReply>();
        let output = match call(&mut self.transport, CALL, IOCTL_CONFIGURE, &input, output_len) {
            Err(Error::Refused { status: NtStatus::NOT_FOUND, .. }) => Err(Error::NoAdapter),
            result => result,
        }?;
        ConfigureReply::read_from_bytes(&output).map_err(|_| Error::Malformed { call: CALL })
    }

    /// A GATE's answers. Returns how the driver took each, in their order.
    ///
    /// # Errors
    /// Where a call fails. What an earlier request of the same verdicts said holds.
    pub fn verdict(&mut self, verdicts: &Verdicts) -> Result<Vec<NtStatus>, Error> {
        const CALL: &str = "VERDICT";
        let mut all = Vec::with_capacity(verdicts.len());
        for (count, input) in verdicts.inputs() {
            let output = call(&mut self.transport, CALL, IOCTL_VERDICT, &input, VerdictsReply::output_len(count))?;
            let (head, statuses) = VerdictsReply::parse(&output).map_err(|_| Error::Malformed { call: CALL })?;
            if head.count as usize != count {
                return Err(Error::Malformed { call: CALL });
            }
            all.extend(statuses);
        }
        Ok(all)
    }

    /// The driver's counters: this reader's, or the sums over all where the handle is none.
    ///
    /// # Errors
    /// Where the call fails.
    pub fn stats(&mut self) -> Result<Stats, Error> {
        const CALL: &str = "STATS";
        let mut room = ADAPTERS_FIRST;
        loop {
            let fixed = size_of::<StatsHeader>() + size_of::<ReaderStats>() + size_of::<LeaseStats>();
            let output_len = fixed + room * size_of::<AdapterStats>();
            let output = call(&mut self.transport, CALL, IOCTL_STATS, &[], output_len)?;
            let stats = StatsHeader::parse(&output).map_err(|_| Error::Malformed { call: CALL })?;
            let StatsHeader { adapter_count, adapter_total, .. } = stats.header;
            match grown(room, adapter_count, adapter_total) {
                Some(more) => room = more,
                None => {
                    return Ok(Stats {
                        scope: stats.header.scope,
                        readers: stats.header.readers,
                        reader: stats.reader,
                        leases: stats.leases,
                        adapters: stats.adapters.collect(),
                    });
                }
            }
        }
    }
}

/// The room to ask with next, where `count` of `total` entries came into `room`. It grows each
/// time, so a driver that never gives all is not asked for ever.
fn grown(room: usize, count: u32, total: u32) -> Option<usize> {
    (count < total && room < 1 << 14).then(|| (room * 2).max(total as usize))
}

fn call(
    transport: &mut impl Transport,
    call: &'static str,
    code: u32,
    input: &[u8],
    output_len: usize,
) -> Result<Vec<u8>, Error> {
    let (status, output) = transport.ioctl(code, input, output_len)?;
    if status == NtStatus::SUCCESS { Ok(output) } else { Err(Error::Refused { call, status }) }
}

impl From<AdapterEntry> for Adapter {
    fn from(entry: AdapterEntry) -> Self {
        Self {
            name: String::from_utf16_lossy(entry.name_utf16()),
            device: String::from_utf16_lossy(entry.base_miniport_utf16()),
            entry,
        }
    }
}
