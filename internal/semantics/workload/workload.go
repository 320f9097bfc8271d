// Package workload is the tasks that the semantics suite sends jobs of, so that the suite can run them in its own process
// and in another. What they do is written into a file, the diary, which each job's parameters name.
package workload

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/coretasks/core/tasks"
)

// Params is what the tasks take.
type Params struct {
	// Diary is the file that the run is noted in.
	Diary string `json:"diary"`
	N     int    `json:"n"`
	Text  string `json:"text"`
	// Price can be a number that JSON does not know.
	Price float64 `json:"price"`
	// Pair is there for producers that write more or fewer.
	Pair [2]int `json:"pair"`
}

// An Entry is one thing that a task did.
type Entry struct {
	At      time.Time     `json:"at"`
	Attempt tasks.Attempt `json:"attempt"`
	N       int           `json:"n"`
	Text    string        `json:"text"`
	// Cause is why the context ended, in the entries of tasks that wait for that.
	Cause string `json:"cause,omitempty"`
	// End marks the second entry of a run, at its end.
	End bool `json:"end,omitempty"`
}

// Note writes an entry of the attempt that runs in ctx. An entry is one write, so entries of several processes don't mix.
func Note(ctx context.Context, p Params, e Entry) (tasks.Attempt, error) {
	e.Attempt, _ = tasks.Current(ctx)
	e.At, e.N, e.Text = time.Now(), p.N, p.Text
	line, err := json.Marshal(e)
	if err != nil {
		return e.Attempt, err
	}
	f, err := os.OpenFile(p.Diary, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return e.Attempt, err
	}
	_, err = f.Write(append(line, '\n'))
	return e.Attempt, errors.Join(err, f.Close())
}

// Read returns the entries of a diary, none where there is no file yet.
func Read(path string) ([]Entry, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	var entries []Entry
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e Entry
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, lines.Err()
}

// Free ends the runs of [Stuck] that were started with this diary.
func Free(diary string) error { return os.WriteFile(diary+".free", nil, 0o600) }

// freed is also true when the case is over, and its directory gone.
func freed(diary string) bool {
	_, err := os.Stat(diary + ".free")
	_, gone := os.Stat(filepath.Dir(diary))
	return err == nil || gone != nil
}
