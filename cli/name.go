package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
)

// programName is how the user would call this program again: as before, or by 'go run' and 'go tool', under which the
// binary lies in a temporary directory or in the build cache.
func programName() string {
	if !ofGoCommand(os.Args[0]) {
		return os.Args[0]
	}
	parent, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", os.Getppid())) // there is none but on Linux
	if err == nil {
		words := strings.Split(strings.TrimSuffix(string(parent), "\x00"), "\x00")
		if name, ok := typed(words, os.Args[1:]); ok {
			return name
		}
	}
	info, ok := debug.ReadBuildInfo()
	dir, err := os.Getwd()
	if !ok || err != nil {
		return os.Args[0]
	}
	return "go run " + packageFrom(dir, info)
}

// goCommandPath is where 'go run' puts a binary: in its temporary directory, or since Go 1.24 in the build cache, wherever
// that is.
var goCommandPath = regexp.MustCompile(`/go-build[0-9]+/b[0-9]+/exe/[^/]+$|/[0-9a-f]{2}/[0-9a-f]{64}-d/[^/]+$`)

func ofGoCommand(path string) bool { return goCommandPath.MatchString(filepath.ToSlash(path)) }

var goCommand = regexp.MustCompile(`^go(tip|[0-9][0-9a-z.]*)?(\.exe)?$`)

// typed is the command line of the go command that has started this program, without the program's own arguments.
func typed(words, args []string) (name string, ok bool) {
	own := len(words) - len(args)
	if own < 3 || !slices.Equal(words[own:], args) || !goCommand.MatchString(filepath.Base(words[0])) {
		return "", false
	}
	at := 1
	for ; at < own && strings.HasPrefix(words[at], "-"); at++ {
		if words[at] == "-C" {
			at++ // its directory
		}
	}
	if at >= own || words[at] != "run" && words[at] != "tool" {
		return "", false
	}
	quoted := []string{"go"}
	for _, word := range words[1:own] {
		quoted = append(quoted, shellWord(word))
	}
	return strings.Join(quoted, " "), true
}

var plainShell = regexp.MustCompile(`^[A-Za-z0-9@%+=:,./_-]+$`)

// shellWord quotes a word where a shell would not take it as it is.
func shellWord(word string) string {
	if plainShell.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// packageFrom names the program's package for 'go run' in a directory: by its path from there, or by its import path where
// the directory is in another module.
func packageFrom(dir string, info *debug.BuildInfo) string {
	if info.Main.Path == "" { // a list of files
		return "."
	}
	suffix, inModule := strings.CutPrefix(info.Path, info.Main.Path)
	root, found := moduleRoot(dir, info.Main.Path)
	if !inModule || !found {
		return info.Path
	}
	rel, err := filepath.Rel(dir, filepath.Join(root, filepath.FromSlash(suffix)))
	if err != nil {
		return info.Path
	}
	if rel = filepath.ToSlash(rel); rel == "." || strings.HasPrefix(rel, "../") {
		return rel
	}
	return "./" + rel
}

// moduleRoot finds the directory of a module in or above a directory.
func moduleRoot(dir, module string) (root string, found bool) {
	for {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil {
			return dir, slices.ContainsFunc(bytes.Split(text, []byte("\n")), func(line []byte) bool {
				words := strings.Fields(string(line))
				return len(words) >= 2 && words[0] == "module" && strings.Trim(words[1], `"`) == module
			})
		}
		above := filepath.Dir(dir)
		if above == dir {
			return "", false
		}
		dir = above
	}
}
