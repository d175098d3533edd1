//! `rollcall-emulator`: the vendor emulators as a program, for the demo and for manual tests.
//!
//! Only the arguments are handled here; the emulators themselves are in the library.

#![allow(clippy::doc_markdown, reason = "TravelPerk is a name, and these texts are the help")]

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::civil::Date;
use rollcall_emulators::generic::{self, EmailFilter, GenericEmulator, GenericOptions, Paging};
use rollcall_emulators::personio::{self, PersonioEmulator, PersonioOptions, Rate};
use rollcall_emulators::travelperk::{self, TravelPerkEmulator, TravelPerkOptions};
use rollcall_emulators::{People, PeopleOptions};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use tokio::signal::unix::{SignalKind, signal};

/// Only this machine can reach the defaults; 0.0.0.0 has to be asked for.
const PERSONIO_ADDRESS: &str = "127.0.0.1:18080";
const TRAVELPERK_ADDRESS: &str = "127.0.0.1:18081";
const GENERIC_ADDRESS: &str = "127.0.0.1:18082";

/// Emulates the APIs of HR vendors with synthetic data in memory.
///
/// A test tool: it speaks plain HTTP, and everybody who can reach a port may use its control
/// API below /_emulator (state, faults, changes to people) without credentials.
#[derive(Debug, Parser)]
#[command(name = "rollcall-emulator", version)]
struct Cli {
    /// Log every request
    #[arg(long, global = true)]
    verbose: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Personio v2, the source of people
    Personio {
        /// Address to listen on
        #[arg(long, value_name = "ADDRESS", default_value = PERSONIO_ADDRESS)]
        listen: SocketAddr,
        #[command(flatten)]
        settings: PersonioArgs,
    },
    /// TravelPerk, the target: SCIM below /api/v2/scim, cost centres at the root
    #[command(name = "travelperk")]
    TravelPerk {
        /// Address to listen on
        #[arg(long, value_name = "ADDRESS", default_value = TRAVELPERK_ADDRESS)]
        listen: SocketAddr,
        #[command(flatten)]
        settings: TravelPerkArgs,
    },
    /// An invented system that can be read and written: people, placements, officers
    Generic {
        /// Address to listen on
        #[arg(long, alias = "address", value_name = "ADDRESS", default_value = GENERIC_ADDRESS)]
        listen: SocketAddr,
        #[command(flatten)]
        settings: GenericArgs,
    },
    /// Personio and TravelPerk, each on an address of its own
    All {
        /// Address of the Personio emulator
        #[arg(long, value_name = "ADDRESS", default_value = PERSONIO_ADDRESS)]
        personio_listen: SocketAddr,
        /// Address of the TravelPerk emulator
        #[arg(long, value_name = "ADDRESS", default_value = TRAVELPERK_ADDRESS)]
        travelperk_listen: SocketAddr,
        #[command(flatten)]
        personio: PersonioArgs,
        #[command(flatten)]
        travelperk: TravelPerkArgs,
    },
}

#[derive(Args, Debug)]
struct PersonioArgs {
    /// How many people there are
    #[arg(long, default_value_t = 2_000)]
    people: u64,
    /// Same seed, same people
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// The day that counts as today; by default it is today's date
    #[arg(long, value_name = "DATE")]
    today: Option<Date>,
    /// Make two managers each other's manager
    #[arg(long)]
    cycle: bool,
    /// Leave out some e-mail addresses and start dates
    #[arg(long)]
    gaps: bool,
    /// Accepted client id
    #[arg(long, env = "EMULATOR_CLIENT_ID", default_value = personio::DEMO_CLIENT_ID)]
    client_id: String,
    /// Accepted client secret
    #[arg(long, env = "EMULATOR_CLIENT_SECRET", default_value = personio::DEMO_CLIENT_SECRET)]
    client_secret: String,
    /// Life of a token in seconds
    #[arg(long, default_value_t = 86_400)]
    expires_in: u64,
    /// Requests per second and route; 0 switches the limits off
    #[arg(long, default_value_t = Rate::OBSERVED.per_second)]
    rate: f64,
    /// Requests at once before the rate counts
    #[arg(long, default_value_t = Rate::OBSERVED.burst)]
    burst: u32,
}

#[derive(Args, Debug)]
struct GenericArgs {
    /// Which of the two to play
    #[arg(long, value_enum, default_value_t = Role::Ledger)]
    role: Role,
    /// Accepted key
    #[arg(long, env = "EMULATOR_API_KEY", default_value = generic::DEMO_KEY)]
    key: String,
    /// Id of the first row of each stream
    #[arg(long, alias = "start-id", value_name = "ID", default_value_t = 1)]
    first_id: u64,
    /// How lists are cut [default: as the role does]
    #[arg(long, value_enum)]
    paging: Option<PagingArg>,
    /// Lists do not say how many rows there are
    #[arg(long)]
    no_total: bool,
    /// What ?email= does in lists [default: as the role does]
    #[arg(long, value_enum)]
    email_filter: Option<EmailFilterArg>,
    /// Write names in capitals and cut off blanks
    #[arg(long)]
    normalise: bool,
    /// People that exist already
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    people: u64,
    /// Same seed, same people
    #[arg(long, default_value_t = 7)]
    seed: u64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Role {
    /// The HR system
    Ledger,
    /// The learning system
    Campus,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PagingArg {
    Offset,
    NextLink,
    OnePage,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum EmailFilterArg {
    Answered,
    Ignored,
    Refused,
}

impl GenericArgs {
    fn options(&self) -> GenericOptions {
        let role = match self.role {
            Role::Ledger => GenericOptions::ledger(),
            Role::Campus => GenericOptions::campus(),
        };
        GenericOptions {
            key: self.key.clone(),
            first_id: self.first_id,
            paging: self.paging.map_or(role.paging, |paging| match paging {
                PagingArg::Offset => Paging::Offset,
                PagingArg::NextLink => Paging::NextLink,
                PagingArg::OnePage => Paging::OnePage,
            }),
            email_filter: self.email_filter.map_or(role.email_filter, |filter| match filter {
                EmailFilterArg::Answered => EmailFilter::Answered,
                EmailFilterArg::Ignored => EmailFilter::Ignored,
                EmailFilterArg::Refused => EmailFilter::Refused,
            }),
            declares_total: !self.no_total,
            normalises: self.normalise,
            ..role
        }
    }

    async fn start(self, listen: SocketAddr) -> io::Result<GenericEmulator> {
        let emulator = GenericEmulator::bind(listen, self.options()).await?;
        if self.people > 0 {
            emulator.state().populate(&People::generate(self.seed, self.people));
        }
        let name = emulator.state().options.name.clone();
        announce(&name, &emulator.base_url())?;
        Ok(emulator)
    }
}

#[derive(Args, Debug)]
struct TravelPerkArgs {
    /// Accepted key
    #[arg(long, env = "EMULATOR_API_KEY", default_value = travelperk::DEMO_API_KEY)]
    api_key: String,
    /// Name of a company; may be repeated, the first one is the default company
    #[arg(long = "company", value_name = "NAME", default_values = travelperk::DEFAULT_COMPANIES)]
    companies: Vec<String>,
    /// Accounts that exist already, made by hand for the first people of the seed
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    existing: usize,
    /// Seed of the people that --existing refers to [default: --seed where there is one, else 7]
    #[arg(long, value_name = "SEED")]
    existing_seed: Option<u64>,
    /// Refuse to look for externalId, as the vendor may
    #[arg(long)]
    no_external_id_filter: bool,
    /// Refuse cost centres that do not exist
    #[arg(long)]
    reject_unknown_cost_centers: bool,
    /// Do not show a manager's name with the manager
    #[arg(long)]
    no_manager_display_name: bool,
}

impl PersonioArgs {
    fn people(&self) -> People {
        People::with(PeopleOptions {
            seed: self.seed,
            count: self.people,
            today: self.today.unwrap_or_else(|| jiff::Zoned::now().date()),
            cycle: self.cycle,
            gaps: self.gaps,
        })
    }

    async fn start(self, listen: SocketAddr) -> io::Result<PersonioEmulator> {
        let people = self.people();
        let limited = self.rate > 0.0;
        let options = PersonioOptions {
            client_id: self.client_id,
            client_secret: self.client_secret,
            expires_in: self.expires_in,
            rate: limited.then_some(Rate { per_second: self.rate, burst: self.burst }),
            auth_rate: limited.then_some(Rate::AUTH),
            ..PersonioOptions::default()
        };
        let emulator = PersonioEmulator::bind(listen, people, options).await?;
        announce("personio", &emulator.base_url())?;
        Ok(emulator)
    }
}

impl TravelPerkArgs {
    async fn start(self, listen: SocketAddr) -> io::Result<TravelPerkEmulator> {
        let default_company = self.companies.first().cloned().unwrap_or_default();
        let options = TravelPerkOptions {
            api_key: self.api_key,
            default_company,
            companies: self.companies,
            filter_external_id: !self.no_external_id_filter,
            reject_unknown_cost_centers: self.reject_unknown_cost_centers,
            manager_display_name: !self.no_manager_display_name,
            ..TravelPerkOptions::default()
        };
        let emulator = TravelPerkEmulator::bind(listen, options).await?;
        if self.existing > 0 {
            let count = u64::try_from(self.existing).unwrap_or(u64::MAX);
            let people = People::generate(self.existing_seed.unwrap_or(7), count);
            emulator.state().adopt(&people, self.existing);
        }
        announce("travelperk", &emulator.base_url())?;
        Ok(emulator)
    }
}

/// The one line by which scripts learn that an emulator is ready, and where.
fn announce(name: &str, url: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{name} emulator ready at {url}")?;
    out.flush()
}

/// Waits for SIGTERM or SIGINT.
async fn asked_to_stop() -> io::Result<()> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
    Ok(())
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let cli = Cli::parse();
    let level = if cli.verbose { tracing::Level::DEBUG } else { tracing::Level::WARN };
    tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr).init();
    match cli.command {
        Command::Personio { listen, settings } => {
            let emulator = settings.start(listen).await?;
            asked_to_stop().await?;
            emulator.stop().await;
        }
        Command::TravelPerk { listen, settings } => {
            let emulator = settings.start(listen).await?;
            asked_to_stop().await?;
            emulator.stop().await;
        }
        Command::Generic { listen, settings } => {
            let emulator = settings.start(listen).await?;
            asked_to_stop().await?;
            emulator.stop().await;
        }
        Command::All { personio_listen, travelperk_listen, personio, mut travelperk } => {
            travelperk.existing_seed.get_or_insert(personio.seed);
            let source = personio.start(personio_listen).await?;
            let target = travelperk.start(travelperk_listen).await?;
            asked_to_stop().await?;
            tokio::join!(source.stop(), target.stop());
        }
    }
    Ok(())
}
