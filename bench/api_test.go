package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAPI measures the API with so few requests that the figures mean nothing: it shows that all of them are answered, that
// each is on the queue, and that each stream sees its job's end.
func TestAPI(t *testing.T) {
	t.Parallel()
	docs := filepath.Join(t.TempDir(), "docs.md")
	if err := os.WriteFile(docs, []byte("before\n"+apiMarks.begin+"\n"+apiMarks.end+"\nafter\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	profiles := t.TempDir()
	var out bytes.Buffer
	if err := run(t.Context(), []string{"api", "--posts", "300", "--streams", "20", "--docs", docs, "--profile", profiles}, nil, &out, t.Output()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(docs)
	if err != nil || !strings.Contains(string(text), out.String()[:200]) || !strings.HasPrefix(string(text), "before\n") {
		t.Errorf("the document is %q, %v", text, err)
	}
	for _, row := range []string{"| 64 connections, results: none ", "| 256 connections, results: SQLite ", "| 20 streams, each of its own job ", "| 20 streams, all of one job "} {
		if !strings.Contains(out.String(), row) {
			t.Errorf("no row %q in\n%s", row, &out)
		}
	}
	if files, _ := filepath.Glob(filepath.Join(profiles, "*.cpu.prof")); len(files) != 6 {
		t.Errorf("profiles: %v", files)
	}
}

func TestAPIArguments(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--posts", "0"}, {"--streams", "-1"}, {"extra"}, {"--no-such"}} {
		if err := runAPI(t.Context(), args, t.Output(), t.Output()); err == nil {
			t.Errorf("%v is accepted", args)
		}
	}
}

func TestTargetsOfTheAPI(t *testing.T) {
	t.Parallel()
	if holds(true) != "held" || holds(false) != "missed" {
		t.Error("held and missed are mixed up")
	}
	text := apiResults{streams: []streamResult{{streams: 1, jobs: 1, peak: mostStreamsMiB<<20 + 1}, {streams: 1, jobs: 1, peak: mostStreamsMiB << 20}}}.render()
	if strings.Count(text, "missed") != 1 || strings.Count(text, "held") != 1 {
		t.Error(text)
	}
}
