//! The actions of a hostile child, inside all sandbox layers or all but some.

use std::fs::File;
use std::io;
use std::net::{TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, Signal, getppid, kill_process, setrlimit};
use transcoder::sandbox::{self, Limits, SandboxLayer};

/// One second of processor time instead of ten minutes.
const LIMITS: Limits =
    Limits { cpu_seconds: 1, address_space: 4 << 30, file_bytes: 512 << 20, open_files: 32 };

/// `test-child ATTEMPT LAYERS PATH`: tries an action without these layers. Prints `escaped` after a success.
pub(crate) fn attempt(arguments: &[&str]) {
    let [attempt, without, path] = *arguments else { panic!("{arguments:?}") };
    let parent = getppid().unwrap();
    let is_entered =
        |layer: &SandboxLayer| without.split(" + ").all(|left_out| left_out != layer.to_string());
    let layers: Vec<SandboxLayer> = SandboxLayer::ALL.into_iter().filter(is_entered).collect();
    let missing = sandbox::enter_layers(&layers, &LIMITS);
    assert!(missing.is_empty(), "{missing:?}");
    let unlimited = Rlimit { current: None, maximum: None };
    let escaped = match attempt {
        "nothing" => std::thread::spawn(|| true).join().unwrap(),
        "send" => UdpSocket::bind("127.0.0.1:0").is_ok(),
        "connect" => TcpStream::connect(path).is_ok(),
        "talk to a neighbour" => UnixStream::pair().is_ok(),
        "read a file" => std::fs::read("/etc/passwd").is_ok(),
        "list a folder" => std::fs::read_dir("/").is_ok(),
        "look around in its folder" => std::fs::read_dir(".").is_ok(),
        "write elsewhere" => std::fs::write(path, "was here").is_ok(),
        "read what was left open" => raw::can_read(path.parse().unwrap()),
        "start a program" => Command::new("/bin/true").status().is_ok(),
        "fork" => (0..1000).any(|_| raw::forks()),
        "allocate 8 GiB" => raw::can_map(8 << 30),
        "write a huge file" => File::create("huge").and_then(|file| file.set_len(1 << 30)).is_ok(),
        "open many files" => {
            let another = || io::stdin().as_fd().try_clone_to_owned().map(std::mem::forget);
            (0..40).all(|_| another().is_ok())
        }
        "compute for ever" => loop {
            std::hint::spin_loop();
        },
        "raise a limit" => setrlimit(Resource::Cpu, unlimited).is_ok(),
        "signal its parent" => kill_process(parent, Signal::CONT).is_ok(),
        "stay" => {
            std::thread::sleep(Duration::from_secs(4));
            true
        }
        unknown => panic!("{unknown}"),
    };
    println!("{}", if escaped { "escaped" } else { "blocked" });
}

/// `parent-that-ends LAYER`: starts a test child that sleeps, and ends before it.
#[expect(clippy::zombie_processes, reason = "the parent ends before its child")]
pub(crate) fn parent_that_ends(arguments: &[&str]) {
    let [without] = *arguments else { panic!("{arguments:?}") };
    let program = std::env::current_exe().unwrap();
    let child = Command::new(program).args(["test-child", "stay", without, ""]).spawn();
    child.unwrap();
    // Until the child has entered its layers.
    std::thread::sleep(Duration::from_millis(500));
}

/// `single-layer LAYER`: enters this layer only and prints the kernel's flags of the process.
pub(crate) fn single_layer(arguments: &[&str]) {
    let [which] = *arguments else { panic!("{arguments:?}") };
    let layers: Vec<SandboxLayer> =
        SandboxLayer::ALL.into_iter().filter(|layer| layer.to_string() == which).collect();
    assert_eq!(sandbox::enter_layers(&layers, &LIMITS), Vec::<String>::new());
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let privileges = status.lines().find(|line| line.starts_with("NoNewPrivs"));
    println!("{:?} {:?}", privileges, rustix::process::dumpable_behavior().unwrap());
}

/// The command that starts one of these.
pub(crate) fn start(arguments: &[&str], folder: &std::path::Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).stderr(Stdio::null());
    command
}

/// Actions that need unsafe code.
mod raw {
    #![expect(unsafe_code, reason = "a hostile child is not kept to safe code")]

    pub(super) fn can_read(descriptor: i32) -> bool {
        let mut byte = [0_u8; 1];
        // SAFETY: the buffer is as long as it is said to be.
        unsafe { libc::read(descriptor, byte.as_mut_ptr().cast(), 1) == 1 }
    }

    pub(super) fn forks() -> bool {
        // SAFETY: this process has one thread.
        let id = unsafe { libc::fork() };
        if id == 0 {
            // SAFETY: nothing of the new process needs to be put away.
            unsafe { libc::_exit(0) };
        }
        id > 0
    }

    pub(super) fn can_map(bytes: usize) -> bool {
        let (flags, access) = (
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            libc::PROT_READ | libc::PROT_WRITE,
        );
        // SAFETY: a new mapping, which nobody uses.
        let place = unsafe { libc::mmap(std::ptr::null_mut(), bytes, access, flags, -1, 0) };
        place != libc::MAP_FAILED
    }
}
