"""A list of system calls that a process keeps, in the kernel's own filter language (seccomp, filter mode).

What reading and writing open files takes, and no more: no process or thread, no program, no socket, no signal, no
tracing, no other process's limits, no change of rights or times, no shared memory. Calls that a filter cannot judge
by their arguments (clone3, io_uring) are out with the rest. An own table of ninety numbers instead of libseccomp:
that is a shared library which not every system has, and what goes wrong in it goes wrong inside the sandbox.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

# Name, number on x86-64, number on arm64 (- where it has none): Linux' unistd_64.h and asm-generic/unistd.h.
_ALLOWED = """
read 0 63; write 1 64; readv 19 65; writev 20 66; pread64 17 67; pwrite64 18 68; preadv 295 69; pwritev 296 70;
open 2 -; openat 257 56; close 3 57; close_range 436 436; lseek 8 62; fcntl 72 25; ioctl 16 29; dup 32 23;
dup2 33 -; dup3 292 24; fstat 5 80; newfstatat 262 79; stat 4 -; lstat 6 -; statx 332 291; statfs 137 43;
fstatfs 138 44; access 21 -; faccessat 269 48; faccessat2 439 439; getdents64 217 61; getcwd 79 17; chdir 80 49;
fchdir 81 50; readlink 89 -; readlinkat 267 78; unlink 87 -; unlinkat 263 35; rename 82 -; renameat 264 38;
renameat2 316 276; mkdir 83 -; mkdirat 258 34; rmdir 84 -; umask 95 166; ftruncate 77 46; fallocate 285 47;
fsync 74 82; fdatasync 75 83; sync_file_range 277 84; fadvise64 221 223; copy_file_range 326 285; sendfile 40 71;
splice 275 76; pipe 22 -; pipe2 293 59; poll 7 -; ppoll 271 73; select 23 -; pselect6 270 72; mmap 9 222;
munmap 11 215; mprotect 10 226; mremap 25 216; madvise 28 233; mincore 27 232; brk 12 214; rt_sigaction 13 134;
rt_sigprocmask 14 135; rt_sigreturn 15 139; sigaltstack 131 132; restart_syscall 219 128; getpid 39 172;
gettid 186 178; getppid 110 173; getuid 102 174; geteuid 107 175; getgid 104 176; getegid 108 177;
getgroups 115 158; getrandom 318 278; futex 202 98; sched_yield 24 124; sched_getaffinity 204 123;
membarrier 324 283; set_robust_list 273 99; rseq 334 293; set_tid_address 218 96; arch_prctl 158 -;
clock_gettime 228 113; clock_getres 229 114; clock_nanosleep 230 115; nanosleep 35 101; gettimeofday 96 169;
time 201 -; getrusage 98 165; getrlimit 97 163; sysinfo 99 179; uname 63 160; times 100 153; getcpu 309 168;
exit 60 93; exit_group 231 94
"""
# linux/audit.h: the architecture that a call is made for; a 64-bit process can also make 32-bit calls.
_ARCHITECTURES = {"x86_64": (0xC000003E, 1), "aarch64": (0xC00000B7, 2)}
_CLONE3 = 435
# The last call that these tables were written against: libc falls back by itself where a newer one is not there.
_NEWEST = 450

# linux/bpf_common.h and linux/seccomp.h.
_LOAD, _JUMP_EQUAL, _JUMP_GREATER, _RETURN = 0x20, 0x15, 0x25, 0x06
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER_AT, _ARCHITECTURE_AT = 0, 4
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _FILTER_MODE = 38, 22, 2


def known() -> bool:
    """Whether there is a table for this machine."""
    return os.uname().machine in _ARCHITECTURES


def confine() -> None:
    """Give up every call but the allowed ones, for ever. Raises `OSError` where the kernel will not."""
    program = filter_program()
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: a count, padding to the pointer's alignment, a pointer.
    filter = ctypes.create_string_buffer(struct.pack("@HP", len(program) // 8, ctypes.addressof(buffer)))
    for call in ((_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (_PR_SET_SECCOMP, _FILTER_MODE, ctypes.byref(filter), 0, 0)):
        if libc.prctl(*call) != 0:
            raise OSError(ctypes.get_errno(), "the kernel takes no filter of system calls")


def filter_program() -> bytes:
    """The filter as the kernel reads it: eight bytes an instruction."""
    architecture, column = _ARCHITECTURES[os.uname().machine]
    numbers = sorted(int(entry.split()[column]) for entry in _ALLOWED.split(";") if entry.split()[column] != "-")
    program = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_JUMP_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER_AT),
    ]
    for number in numbers:
        program += [(_JUMP_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ALLOW)]
    program += [
        (_JUMP_EQUAL, 1, 0, _CLONE3),
        (_JUMP_GREATER, 0, 1, _NEWEST),  # the x32 calls of x86-64 lie far above as well
        (_RETURN, 0, 0, _ERROR | errno.ENOSYS),
        (_RETURN, 0, 0, _ERROR | errno.EPERM),
    ]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
