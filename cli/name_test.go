package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

func TestOfGoCommand(t *testing.T) {
	t.Parallel()
	hash := strings.Repeat("0a", 32)
	for path, want := range map[string]bool{
		"/tmp/go-build1844994546/b001/exe/core":        true,
		"/root/.cache/go-build/45/" + hash + "-d/core": true,
		"/elsewhere/cache/45/" + hash + "-d/core":      true,
		"/tmp/go-build1844994546/b001/cli.test":        false, // of 'go test'
		"./core":                                       false, "core": false, "/usr/bin/core": false, "/home/me/go-build/core": false,
	} {
		if got := ofGoCommand(path); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
}

func TestTyped(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"go run ./cmd/core | dev": "go run ./cmd/core",
		"go run . |":              "go run .",
		"go run -race -tags=a,b ./cmd/core | dev --lambda": "go run -race -tags=a,b ./cmd/core",
		"/usr/local/go/bin/go run main.go other.go | dev":  "go run main.go other.go",
		"go -C sub/dir run . | dev":                        "go -C sub/dir run .",
		"go run example.org/shop/cmd/core@v1.2.3 | dev":    "go run example.org/shop/cmd/core@v1.2.3",
		"go run -ldflags=-X%main.a=b ./cmd/core | dev":     "go run '-ldflags=-X main.a=b' ./cmd/core",
		"go1.26 tool core | dev":                           "go tool core",
		"go test ./cli | -test.v":                          "",
		"sh -c run | dev":                                  "",
		"go run ./cmd/core dev | worker":                   "go run ./cmd/core dev", // never so: its arguments are those
		"go | run":                                         "",
		"go build -o run | dev":                            "",
	} {
		own, args, _ := strings.Cut(line, "|")
		words := strings.Fields(own + args)
		for i := range words {
			words[i] = strings.ReplaceAll(words[i], "%", " ")
		}
		got, ok := typed(words, words[len(strings.Fields(own)):])
		if got != want || ok != (want != "") {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
	if got, ok := typed([]string{"go", "run", ".", "dev"}, []string{"worker"}); ok {
		t.Errorf("with the arguments of another: %q", got)
	}
}

func TestPackageFrom(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, dir := range []string{"cmd/core", "other"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "// the module\nmodule example.org/shop/v2 // here\n\ngo 1.26\n")
	write("other/go.mod", "module example.org/other\n")
	for name, tc := range map[string]struct{ dir, path, module, want string }{
		"from the root":      {".", "example.org/shop/v2/cmd/core", "example.org/shop/v2", "./cmd/core"},
		"from its directory": {"cmd/core", "example.org/shop/v2/cmd/core", "example.org/shop/v2", "."},
		"from between":       {"cmd", "example.org/shop/v2/cmd/core", "example.org/shop/v2", "./core"},
		"the root itself":    {"cmd/core", "example.org/shop/v2", "example.org/shop/v2", "../.."},
		"another module":     {"other", "example.org/shop/v2/cmd/core", "example.org/shop/v2", "example.org/shop/v2/cmd/core"},
		"files":              {".", "command-line-arguments", "", "."},
	} {
		info := &debug.BuildInfo{Path: tc.path, Main: debug.Module{Path: tc.module}}
		if got := packageFrom(filepath.Join(root, tc.dir), info); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
}

// What the program says to type is what the user has typed, by the real go command, which keeps binaries in its cache.
func TestTheCommandToTryUnderGoRun(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("elsewhere the go command's own arguments can't be read")
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, dir string
		args      []string
	}{
		{"from the root", ".", []string{"run", "./cmd/core"}},
		{"from the root again", ".", []string{"run", "./cmd/core"}},
		{"from its directory", "cmd/core", []string{"run", "."}},
		{"by its file", "cmd/core", []string{"run", "main.go"}},
		{"by its import path", "docs", []string{"run", "github.com/coretasks/core/cmd/core"}},
		{"in another directory", "docs", []string{"-C", "..", "run", "./cmd/core"}},
	} {
		for _, wrong := range []string{"nonsense", "--nonsense"} {
			cmd := exec.CommandContext(t.Context(), "go", append(tc.args, wrong)...)
			cmd.Dir = filepath.Join(root, tc.dir)
			out, _ := cmd.CombinedOutput() // it fails, with usage
			if want := "See 'go " + strings.Join(tc.args, " ") + " --help'."; !strings.Contains(string(out), want) {
				t.Errorf("%s: it does not say %s:\n%s", tc.name, want, out)
			}
		}
	}
}
