package reports

import (
	"os"
	"testing"
	"time"

	"github.com/coretasks/core/tasks"
)

// The sample in memory makes the very reports that the database makes.
func TestMemoryIsTheDatabase(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	sample := registry(files{dir: dir, memory: &memory{today: time.Now().UTC()}})
	for _, kind := range Types() {
		for user := int64(1); user <= 4; user++ {
			p := Params{UserID: user, ReportType: kind.Name}
			want, html := mustGenerate(t, dir, "job-1", p)
			out := execute(t.Context(), t, sample, "reports.generate", "job-1", 1, p)
			if out.Verdict != tasks.Done || out.Result != want {
				t.Errorf("%+v: %+v (%v), want %+v", p, out.Result, out.Err, want)
			}
			if again, err := os.ReadFile(want.File); err != nil || string(again) != html {
				t.Errorf("%+v: the page differs (%v)", p, err)
			}
		}
	}
	out := execute(t.Context(), t, sample, "reports.generate", "job-1", 1, Params{UserID: 77, ReportType: "daily"})
	if out.Reason != tasks.ReasonPermanent {
		t.Errorf("a user that does not exist: %v, %v", out.Verdict, out.Err)
	}
}
