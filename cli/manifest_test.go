package cli_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coretasks/core/cli"
	"github.com/coretasks/core/tasks"
)

// TestManifest is what a pipeline does: it writes the manifest, and later compares the code with it.
func TestManifest(t *testing.T) {
	t.Parallel()
	core := func(retries int, args ...string) (code int, stdout, stderr string) {
		registry := tasks.NewRegistry(tasks.Define("note", func(context.Context, string) (string, error) { return "", nil }, tasks.MaxRetries(retries)))
		var out, log bytes.Buffer
		code = cli.Run(t.Context(), registry, args, nil, &out, &log)
		return code, out.String(), log.String()
	}
	file := filepath.Join(t.TempDir(), "core.json")
	if code, _, stderr := core(3, "manifest", "--check", file); code != 1 || !strings.Contains(stderr, "write it with '") {
		t.Errorf("a missing file gives %d: %s", code, stderr)
	}
	code, written, stderr := core(3, "manifest")
	if code != 0 {
		t.Fatalf("manifest gives %d: %s", code, stderr)
	}
	if err := os.WriteFile(file, []byte(written), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, stdout, stderr := core(3, "manifest", "--check", file); code != 0 || stdout != "" || stderr != "" {
		t.Errorf("the same code gives %d: %s%s", code, stdout, stderr)
	}
	code, stdout, stderr := core(4, "manifest", "--check", file)
	if code != 1 || !strings.Contains(stderr, "core.json no longer matches the code, in 2 places; write it anew with '") {
		t.Errorf("changed code gives %d: %s", code, stderr)
	}
	if want := "~ queues.default.max_receive_count: 9 -> 10\n~ tasks.note.max_retries: 3 -> 4\n"; stdout != want {
		t.Errorf("changed code prints\n%s\nwant\n%s", stdout, want)
	}
	if _, stdout, _ = core(4, "manifest", "--output", "json", "--check", file); !strings.Contains(stdout, `"path": "tasks.note.max_retries",`) {
		t.Errorf("with --output json it prints\n%s", stdout)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(written, `"version": 1`, `"version": 2`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := core(3, "manifest", "--check", file); code != 1 || !strings.Contains(stderr, "core.json: the manifest has version 2") {
		t.Errorf("a newer file gives %d: %s", code, stderr)
	}
}
