/* SPDX-License-Identifier: MIT */
/*
 * The kinds of use, and the truth about each: what the answer has to tell, and why other tools
 * miss it. A row that says less than an answer could know is a bug of the row.
 */
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "tests/support/workload.h"

#define EXE (1u << RM_USE_EXECUTABLE)
#define MAP (1u << RM_USE_MAPPING)
#define FD (1u << RM_USE_DESCRIPTOR)
#define CWD (1u << RM_USE_WORKING_DIRECTORY)
#define ROOT (1u << RM_USE_ROOT)
#define SCRIPT (1u << RM_USE_SCRIPT)

#define NEW_INODE "the path names another file now; its old inode is not looked for"
#define NO_FILE "the path names no file any more"
#define NO_LEADER "/proc/PID is empty once the main thread has exited"
#define OWN_FILES "/proc/PID/fd is the main thread's table"
#define NOT_HELD "the interpreter neither maps the script nor keeps it open"
#define OTHER_DEVICE "maps tell the superblock's device, stat tells another"
#define NOT_A_FILE_OF_IT "it uses things below the directory, not the directory"

#define SH_SCRIPT "printf '%s ready 0\\n' $$ >&3\nread -r line <&4\n"
#define PYTHON_SCRIPT "import os\nos.write(3, b'%d ready 0\\n' % os.getpid())\nos.read(4, 1)\n"
#define PERL_SCRIPT                                                                                \
	"open(my $s, '>&=', 3); open(my $l, '<&=', 4);\n"                                          \
	"syswrite($s, \"$$ ready 0\\n\"); sysread($l, my $b, 1);\n"

static bool make_directory(const struct workload *workload, const char *name)
{
	char path[WORKLOAD_PATH_BYTES];

	(void)snprintf(path, sizeof(path), "%s/%s", workload->directory, name);
	return mkdir(path, 0755) == 0 || errno == EEXIST;
}

/* The lower layer has the kinds' files already. */
static bool mount_one_file_system(const struct workload *workload)
{
	char options[4 * WORKLOAD_PATH_BYTES], target[WORKLOAD_PATH_BYTES];
	const char *directory = workload->directory;

	(void)snprintf(target, sizeof(target), "%s/one/merged", directory);
	(void)snprintf(options, sizeof(options),
		       "lowerdir=%s/one/lower,upperdir=%s/one/upper,workdir=%s/one/work", directory,
		       directory, directory);
	return make_directory(workload, "one/upper") && make_directory(workload, "one/work") &&
	       make_directory(workload, "one/merged") &&
	       mount("overlay", target, "overlay", 0, options) == 0;
}

/* Under a layer in memory, whose file is made here. */
static bool mount_two_file_systems(const struct workload *workload)
{
	char options[4 * WORKLOAD_PATH_BYTES], target[WORKLOAD_PATH_BYTES];
	char memory[WORKLOAD_PATH_BYTES];
	const char *directory = workload->directory;
	FILE *file;

	(void)snprintf(target, sizeof(target), "%s/two/merged", directory);
	(void)snprintf(memory, sizeof(memory), "%s/two/memory", directory);
	(void)snprintf(options, sizeof(options), "lowerdir=%s/two/memory:%s/two/lower", directory,
		       directory);
	if (!make_directory(workload, "two/memory") || !make_directory(workload, "two/merged") ||
	    mount("tmpfs", memory, "tmpfs", 0, NULL) < 0) {
		return false;
	}
	(void)snprintf(memory, sizeof(memory), "%s/two/memory/in-memory", directory);
	file = fopen(memory, "we");
	return file && fputs("in memory", file) >= 0 && fclose(file) == 0 &&
	       mount("overlay", target, "overlay", 0, options) == 0;
}

static bool has_file(const struct workload *workload, const char *name)
{
	char path[WORKLOAD_PATH_BYTES];

	(void)snprintf(path, sizeof(path), "%s/%s", workload->directory, name);
	return access(path, F_OK) == 0;
}

static bool has_lower(const struct workload *workload)
{
	return has_file(workload, "one/merged/other");
}

static bool has_in_memory(const struct workload *workload)
{
	return has_file(workload, "two/merged/in-memory");
}

static bool has_python(const struct workload *workload)
{
	(void)workload;
	return access("/usr/bin/python3", X_OK) == 0;
}

static bool has_perl(const struct workload *workload)
{
	(void)workload;
	return access("/usr/bin/perl", X_OK) == 0;
}

static bool has_bash(const struct workload *workload)
{
	(void)workload;
	return access("/bin/bash", X_OK) == 0;
}

static bool make_symlink(const struct workload *workload)
{
	char path[WORKLOAD_PATH_BYTES];

	(void)snprintf(path, sizeof(path), "%s/symlink", workload->directory);
	return symlink("symlink.real", path) == 0;
}

static bool make_hard_link(const struct workload *workload)
{
	char from[WORKLOAD_PATH_BYTES], to[WORKLOAD_PATH_BYTES];

	(void)snprintf(from, sizeof(from), "%s/hard-link", workload->directory);
	(void)snprintf(to, sizeof(to), "%s/hard-link.other", workload->directory);
	return link(from, to) == 0;
}

const struct workload_kind workload_kinds[] = {
	/* Plain use. */
	{.name = "mapped", .path = "mapped", .words = {"map=@"}, .uses = MAP},
	{.name = "mapped to run", .path = "mapped-exec", .words = {"map-exec=@"}, .uses = MAP},
	{.name = "mapped shared", .path = "mapped-shared", .words = {"map-shared=@"}, .uses = MAP},
	{.name = "open", .path = "open", .words = {"open=@"}, .uses = FD},
	{.name = "open by O_PATH", .path = "open-path", .words = {"open-path=@"}, .uses = FD},
	{.name = "open and mapped",
	 .path = "open-mapped",
	 .words = {"open=@", "map=@"},
	 .uses = FD | MAP},
	{.name = "run", .path = "program", .is_program = true, .uses = EXE, .may = MAP},
	{.name = "loaded by dlopen",
	 .path = "plugin.so",
	 .is_library = true,
	 .words = {"dlopen=@"},
	 .uses = MAP},
	{.name = "through a hard link",
	 .path = "hard-link",
	 .prepare = make_hard_link,
	 .words = {"map=@.other"},
	 .uses = MAP},
	{.name = "through a symbolic link",
	 .path = "symlink",
	 .file = "symlink.real",
	 .prepare = make_symlink,
	 .words = {"map=@"},
	 .uses = MAP},
	{.name = "an odd name",
	 .path = "new\nline \\012 \"quote\" \x80\xff",
	 .words = {"map=@", "open=@"},
	 .uses = MAP | FD},

	/* Old versions. */
	{.name = "mapped, deleted before",
	 .path = "mapped-deleted-before",
	 .words = {"map=@"},
	 .uses = MAP,
	 .is_deleted = true,
	 .before = CHANGE_DELETE,
	 .fuser_misses = NO_FILE,
	 .lsof_misses = NO_FILE},
	{.name = "mapped, deleted after",
	 .path = "mapped-deleted-after",
	 .words = {"map=@"},
	 .uses = MAP,
	 .is_deleted = true,
	 .after = CHANGE_DELETE,
	 .fuser_misses = NO_FILE,
	 .lsof_misses = NO_FILE},
	{.name = "mapped, renamed over before",
	 .path = "mapped-replaced-before",
	 .words = {"map=@"},
	 .uses = MAP,
	 .is_deleted = true,
	 .before = CHANGE_REPLACE,
	 .fuser_misses = NEW_INODE,
	 .lsof_misses = NEW_INODE},
	{.name = "mapped, renamed over after",
	 .path = "mapped-replaced-after",
	 .words = {"map=@"},
	 .uses = MAP,
	 .is_deleted = true,
	 .after = CHANGE_REPLACE,
	 .fuser_misses = NEW_INODE,
	 .lsof_misses = NEW_INODE},
	{.name = "open, renamed over after",
	 .path = "open-replaced-after",
	 .words = {"open=@"},
	 .uses = FD,
	 .is_deleted = true,
	 .after = CHANGE_REPLACE,
	 .fuser_misses = NEW_INODE,
	 .lsof_misses = NEW_INODE},
	{.name = "open, deleted after",
	 .path = "open-deleted-after",
	 .words = {"open=@"},
	 .uses = FD,
	 .is_deleted = true,
	 .after = CHANGE_DELETE,
	 .fuser_misses = NO_FILE,
	 .lsof_misses = NO_FILE},
	{.name = "mapped, old version kept by a hard link",
	 .path = "kept",
	 .words = {"map=@"},
	 .uses = MAP,
	 .is_deleted = true,
	 .after = CHANGE_KEEP_REPLACE,
	 .fuser_misses = NEW_INODE,
	 .lsof_misses = NEW_INODE},
	{.name = "run, renamed over before",
	 .path = "program-replaced-before",
	 .is_program = true,
	 .uses = EXE,
	 .may = MAP,
	 .is_deleted = true,
	 .before = CHANGE_REPLACE,
	 .fuser_misses = NEW_INODE,
	 .lsof_misses = NEW_INODE},
	{.name = "run, deleted after",
	 .path = "program-deleted-after",
	 .is_program = true,
	 .uses = EXE,
	 .may = MAP,
	 .is_deleted = true,
	 .after = CHANGE_DELETE,
	 .fuser_misses = NO_FILE,
	 .lsof_misses = NO_FILE},

	/* Mounts and namespaces. */
	{.name = "through a bind mount",
	 .path = "bound/file",
	 .needs_mounts = true,
	 .words = {"new-mounts", "bind=^/bound:^/bound", "map=@", "open=@"},
	 .uses = MAP | FD},
	{.name = "through an overlay, one file system",
	 .path = "one/merged/file",
	 .file = "one/lower/file",
	 .needs_mounts = true,
	 .prepare = mount_one_file_system,
	 .words = {"map=@", "open=@"},
	 .uses = MAP | FD},
	{.name = "mapped through an overlay, two file systems",
	 .path = "two/merged/file",
	 .file = "two/lower/file",
	 .needs_mounts = true,
	 .prepare = mount_two_file_systems,
	 .words = {"map=@"},
	 .uses = MAP,
	 .fuser_misses = OTHER_DEVICE,
	 .lsof_misses = OTHER_DEVICE},
	{.name = "mapped through an overlay, the layer in memory",
	 .path = "two/merged/in-memory",
	 .file = "",
	 .needs_mounts = true,
	 .prepare = has_in_memory,
	 .words = {"map=@"},
	 .uses = MAP,
	 .fuser_misses = OTHER_DEVICE,
	 .lsof_misses = OTHER_DEVICE},
	{.name = "the layer below an overlay, used through it",
	 .path = "one/lower/other",
	 .needs_mounts = true,
	 .prepare = has_lower,
	 .words = {"map=^/one/merged/other"},
	 .may = MAP, /* another inode than the one that is mapped: only a lease tells */
	 .unseen = UNSEEN_MAYBE,
	 .fuser_misses = OTHER_DEVICE,
	 .lsof_misses = OTHER_DEVICE},
	{.name = "in a root of its own",
	 .path = "new-root/file",
	 .needs_mounts = true,
	 .words = {"pivot=^/new-root", "map=/file", "open=/file"},
	 .uses = MAP | FD},
	{.name = "after chroot",
	 .path = "jail/file",
	 .needs_root = true,
	 .words = {"chroot=^/jail", "map=/file", "open=/file"},
	 .uses = MAP | FD},
	{.name = "another file of the same name, in other mounts",
	 .path = "elsewhere/file",
	 .needs_mounts = true,
	 .words = {"new-mounts", "tmpfs=^/elsewhere", "write=@", "map=@", "unlink=@"},
	 .who = WHO_NOBODY},
	{.name = "a living file whose name looks deleted",
	 .path = "looks",
	 .words = {"write=@ (deleted)", "map=@ (deleted)"},
	 .may = MAP}, /* the kernel's text is the same; A14 goes by it */

	/* No files at all, whatever their names. */
	{.name = "memfd",
	 .path = "/memfd:jit",
	 .file = "",
	 .words = {"memfd=jit"},
	 .who = WHO_NOBODY},
	{.name = "SYSV memory",
	 .path = "/SYSV00000000",
	 .file = "",
	 .words = {"shm"},
	 .who = WHO_NOBODY},
	{.name = "shared zeroes", .path = "zeroes", .words = {"zero"}, .who = WHO_NOBODY},

	/* Scripts. */
	{.name = "script of sh",
	 .path = "script.sh",
	 .script = SH_SCRIPT,
	 .interpreter = "/bin/sh",
	 .uses = SCRIPT,
	 .may = FD},
	{.name = "script of bash",
	 .path = "script.bash",
	 .script = SH_SCRIPT,
	 .interpreter = "/bin/bash",
	 .prepare = has_bash,
	 .uses = SCRIPT | FD},
	{.name = "script of Python",
	 .path = "script.py",
	 .script = PYTHON_SCRIPT,
	 .interpreter = "/usr/bin/python3",
	 .prepare = has_python,
	 .uses = SCRIPT,
	 .fuser_misses = NOT_HELD,
	 .lsof_misses = NOT_HELD},
	{.name = "script run by its first line",
	 .path = "script",
	 .shebang = "#!/usr/bin/python3",
	 .script = PYTHON_SCRIPT,
	 .prepare = has_python,
	 .uses = SCRIPT,
	 .fuser_misses = NOT_HELD,
	 .lsof_misses = NOT_HELD},
	{.name = "script of Perl",
	 .path = "script.pl",
	 .shebang = "#!/usr/bin/perl",
	 .script = PERL_SCRIPT,
	 .prepare = has_perl,
	 .uses = SCRIPT,
	 .may = FD, /* as long as there is text that it has not read */
	 .fuser_misses = NOT_HELD,
	 .lsof_misses = NOT_HELD},
	{.name = "script of another user",
	 .path = "script-of-another.py",
	 .script = PYTHON_SCRIPT,
	 .interpreter = "/usr/bin/python3",
	 .needs_root = true,
	 .uid = 65534,
	 .prepare = has_python,
	 .uses = SCRIPT,
	 .is_claimed = true,
	 .fuser_misses = NOT_HELD,
	 .lsof_misses = NOT_HELD},

	/* Relatives and threads. */
	{.name = "zombie",
	 .path = "zombie",
	 .words = {"zombie", "map=@", "open=@"},
	 .who = WHO_NOBODY},
	{.name = "exiting",
	 .path = "exiting",
	 .words = {"exiting", "map=@", "open=@"},
	 .who = WHO_CHILD,
	 .uses = MAP | FD},
	{.name = "its main thread has exited",
	 .path = "leader-gone",
	 .words = {"leader-gone", "map=@", "open=@"},
	 .uses = MAP | FD,
	 .fuser_misses = NO_LEADER,
	 .lsof_misses = NO_LEADER},
	{.name = "a thread with descriptors of its own",
	 .path = "thread-files",
	 .words = {"thread-files", "open=@"},
	 .uses = FD,
	 .fuser_misses = OWN_FILES,
	 .lsof_misses = OWN_FILES},
	{.name = "shares descriptors (CLONE_FILES)",
	 .path = "clone-files",
	 .words = {"clone-files", "open=@"},
	 .who = WHO_BOTH,
	 .uses = FD},
	{.name = "shares memory (CLONE_VM)",
	 .path = "clone-vm",
	 .words = {"clone-vm", "map=@"},
	 .who = WHO_BOTH,
	 .uses = MAP},
	{.name = "in flight between sockets",
	 .path = "in-flight",
	 .words = {"send=@"},
	 .who = WHO_NOBODY,
	 .unseen = UNSEEN_YES},

	/* Below a tree. */
	{.name = "working directory below a tree",
	 .path = "tree",
	 .file = "tree/sub/work/file",
	 .is_tree = true,
	 .words = {"chdir=^/tree/sub/work"},
	 .uses = CWD,
	 .fuser_misses = NOT_A_FILE_OF_IT,
	 .lsof_misses = NOT_A_FILE_OF_IT},
	{.name = "working directory is the tree",
	 .path = "tree",
	 .file = "tree/file",
	 .is_tree = true,
	 .words = {"chdir=^/tree"},
	 .uses = CWD},
	{.name = "root below a tree",
	 .path = "tree",
	 .file = "tree/jail/file",
	 .is_tree = true,
	 .needs_root = true,
	 .words = {"chroot=^/tree/jail"},
	 .uses = ROOT | CWD,
	 .fuser_misses = NOT_A_FILE_OF_IT,
	 .lsof_misses = NOT_A_FILE_OF_IT},
	{.name = "mapped and open below a tree",
	 .path = "tree",
	 .file = "tree/sub/file",
	 .is_tree = true,
	 .words = {"map=^/tree/sub/file", "open=^/tree/sub/file"},
	 .uses = MAP | FD,
	 .fuser_misses = NOT_A_FILE_OF_IT,
	 .lsof_misses = NOT_A_FILE_OF_IT},

	/* Who does not want to be looked at, or is strange. */
	{.name = "not dumpable",
	 .path = "undumpable",
	 .words = {"map=@", "open=@", "undumpable"},
	 .uses = MAP | FD},
	{.name = "another user",
	 .path = "another-user",
	 .needs_root = true,
	 .words = {"map=@", "open=@", "uid=65534"},
	 .uses = MAP | FD},
	{.name = "a name with spaces and parentheses",
	 .path = "comm",
	 .words = {"map=@", "comm=a) R (b 1"},
	 .uses = MAP},
	{.name = "a name with newlines",
	 .path = "comm-lines",
	 .words = {"map=@", "comm=\n) S 1\n0 0\n"},
	 .uses = MAP,
	 .lsof_misses = "it does not understand /proc/PID/stat with newlines in it"},
	{.name = "no command line",
	 .path = "no-cmdline",
	 .words = {"no-cmdline", "map=@"},
	 .uses = MAP},
	{.name = "a command line of 2 MiB",
	 .path = "long-cmdline",
	 .n = 2,
	 .pad_bytes = 2u << 20,
	 .words = {"map=@"},
	 .uses = MAP},
	{.name = "60,000 mappings",
	 .path = "many-maps",
	 .n = 1,
	 .words = {"write=^/filler", "many-maps=60000:^/filler", "map=@"},
	 .uses = MAP},
	{.name = "15,000 descriptors",
	 .path = "many-fds",
	 .n = 1,
	 .words = {"many-fds=15000:/dev/null", "open=@"},
	 .uses = FD},
	{.name = "nobody", .path = "nobody", .who = WHO_NOBODY},
	{.name = "missing", .path = "missing/file", .file = "", .who = WHO_NOBODY},
};

const size_t workload_n_kinds = ARRAY_SIZE(workload_kinds);
