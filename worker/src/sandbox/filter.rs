//! Which system calls a child may make.
//!
//! Three filters, of whose answers the kernel takes the strictest: what only an attacker calls kills; `clone3`, whose
//! flags a filter cannot read, does not exist, so that the C library uses `clone`; of the rest a short list is allowed
//! and everything else is refused with EPERM. Libraries try files in passing (the C library's allocator opens
//! `/proc/sys/vm/overcommit_memory`): killing on that would kill a healthy encode.

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter,
};
use std::collections::BTreeMap;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Calls that decoding and encoding need, whatever their arguments.
const ALLOWED: &[libc::c_long] = &[
    // The socket, the log, and the end.
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_exit,
    libc::SYS_exit_group,
    // Memory.
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_mremap,
    libc::SYS_munmap,
    // Threads.
    libc::SYS_futex,
    libc::SYS_rseq,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    // Signals of its own, restarts of what they interrupt.
    libc::SYS_restart_syscall,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    // Time, chance and facts.
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_getcpu,
    libc::SYS_getpid,
    libc::SYS_getrandom,
    libc::SYS_gettid,
    libc::SYS_gettimeofday,
    libc::SYS_nanosleep,
    libc::SYS_sysinfo,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_time,
];

/// Calls that are allowed with some arguments.
const CONDITIONAL: &[libc::c_long] =
    &[libc::SYS_clone, libc::SYS_mmap, libc::SYS_mprotect, libc::SYS_prctl, libc::SYS_tgkill];

/// Calls that no decoder makes: who makes one is an attacker, and is killed.
const KILLED: &[libc::c_long] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    // Sockets; the one there is is read and written as a file.
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_recvmmsg,
    // Large and little used parts of the kernel.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    // Other views of the system.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsmount,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_open_by_handle_at,
    // The system itself.
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
];

/// For arguments that must have one value.
const ALL_BITS: i32 = -1;
/// Namespaces that a thread could be born into.
const NAMESPACES: i32 = libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWUTS;

/// Whether a system call is allowed, always or with some arguments, or ends who makes it; all others are refused.
pub fn has_a_rule(call: libc::c_long) -> bool {
    call == libc::SYS_clone3 || [ALLOWED, CONDITIONAL, KILLED].iter().any(|list| list.contains(&call))
}

/// Installs the filters for this thread and those that it will start.
pub fn install() -> Result<(), String> {
    for program in programs().map_err(|e| e.to_string())? {
        apply_filter(&program).map_err(|e| e.to_string())?;
    }
    Ok(())
}

fn programs() -> Result<Vec<BpfProgram>, seccompiler::BackendError> {
    let everything = |calls: &[libc::c_long]| -> Rules { calls.iter().map(|call| (*call, Vec::new())).collect() };
    let mut allowed = everything(ALLOWED);
    allowed.extend(conditional()?);
    // The filter before decides about it.
    allowed.extend(everything(&[libc::SYS_clone3]));
    let compile = |rules: Rules, otherwise: SeccompAction, matched: SeccompAction| -> Result<BpfProgram, _> {
        SeccompFilter::new(rules, otherwise, matched, std::env::consts::ARCH.try_into()?)?.try_into()
    };
    // The last one allows no further filter to be installed.
    Ok(vec![
        compile(everything(KILLED), SeccompAction::Allow, SeccompAction::KillProcess)?,
        compile(everything(&[libc::SYS_clone3]), SeccompAction::Allow, SeccompAction::Errno(libc::ENOSYS as u32))?,
        compile(allowed, SeccompAction::Errno(libc::EPERM as u32), SeccompAction::Allow)?,
    ])
}

/// The rules of [`CONDITIONAL`].
fn conditional() -> Result<Rules, seccompiler::BackendError> {
    let is = |argument: u8, mask: i32, value: i32| {
        // Flags are 32 bits wide and unsigned.
        let (mask, value) = (u64::from(mask as u32), u64::from(value as u32));
        SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(mask), value)
    };
    let rule = |conditions: Vec<SeccompCondition>| SeccompRule::new(conditions).map(|r| vec![r]);
    // Shared memory and stacks that grow are not counted by the memory limit.
    let uncounted = libc::MAP_SHARED | libc::MAP_GROWSDOWN;
    let threads = libc::CLONE_THREAD | NAMESPACES;
    Ok(BTreeMap::from([
        (libc::SYS_clone, rule(vec![is(0, threads, libc::CLONE_THREAD)?])?),
        (libc::SYS_mmap, rule(vec![is(2, libc::PROT_EXEC, 0)?, is(3, uncounted, 0)?])?),
        (libc::SYS_mprotect, rule(vec![is(2, libc::PROT_EXEC, 0)?])?),
        // Names of threads.
        (libc::SYS_prctl, rule(vec![is(0, ALL_BITS, libc::PR_SET_NAME)?])?),
        // `abort` ends the process that calls it.
        (libc::SYS_tgkill, rule(vec![is(0, ALL_BITS, std::process::id() as i32)?])?),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_has_one_rule_and_the_filters_compile() {
        let all = [ALLOWED, CONDITIONAL, KILLED, &[libc::SYS_clone3]].concat();
        let twice: Vec<_> = all.iter().filter(|call| all.iter().filter(|c| c == call).count() > 1).collect();
        assert!(twice.is_empty(), "{twice:?}");
        assert!(all.iter().all(|call| has_a_rule(*call)) && !has_a_rule(libc::SYS_openat));
        assert_eq!(programs().unwrap().len(), 3);
    }
}
