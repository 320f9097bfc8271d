package reports

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/coretasks/core/tasks"
)

func TestRegistryMakesNoFiles(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	if err := Registry(dir).Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("Registry made %s (%v); want nothing before a task runs", dir, err)
	}
}

// The numbers of each report must be those that SQLite's own date arithmetic and formatting give.
func TestGenerateShowsTheSales(t *testing.T) {
	t.Parallel()
	const (
		end    = `(SELECT date(max(sold_on), '+1 day', 'start of month') FROM sales)`
		days   = `sold_on > (SELECT date(max(sold_on), '-30 days') FROM sales)`
		months = `sold_on >= date(` + end + `, '-12 months') AND sold_on < ` + end
	)
	dir := newDir(t)
	db := salesIn(t, dir)
	tests := []struct {
		name, where, by string
		params          Params
		bars            int
	}{
		{"daily", days, "sold_on", Params{UserID: 1, ReportType: "daily"}, 30},
		{"monthly", months, "substr(sold_on, 1, 7)", Params{UserID: 1, ReportType: "monthly"}, 12},
		{"yearly", months, "product_id", Params{UserID: 1, ReportType: "yearly"}, 12},
		{"of another user", months, "substr(sold_on, 1, 7)", Params{UserID: 3, ReportType: "monthly"}, 12},
		{"of a user without sales by day", days, "sold_on", Params{UserID: 4, ReportType: "daily"}, 0},
		{"of a user without sales by product", months, "product_id", Params{UserID: 4, ReportType: "yearly"}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			report, html := mustGenerate(t, dir, "job-1", tt.params)
			if want := filepath.Join(dir, "reports", fmt.Sprintf("%s-%d-job-1.html", tt.params.ReportType, tt.params.UserID)); report.File != want {
				t.Errorf("file = %s, want %s", report.File, want)
			}
			var rows, cents int64
			var total string
			err := db.QueryRowContext(t.Context(), `
				SELECT count(*), coalesce(sum(quantity * unit_cents), 0),
					printf('$%,d.%02d', coalesce(sum(quantity * unit_cents), 0) / 100, coalesce(sum(quantity * unit_cents), 0) % 100)
				FROM sales WHERE user_id = ? AND `+tt.where, tt.params.UserID).Scan(&rows, &cents, &total)
			if err != nil {
				t.Fatal(err)
			}
			if report.Rows != rows || report.TotalCents != cents {
				t.Errorf("report has %d rows and %d cents, want %d and %d", report.Rows, report.TotalCents, rows, cents)
			}
			if want := "<dd>" + total + "</dd>"; !strings.Contains(html, want) {
				t.Errorf("the page lacks its total %q", want)
			}
			if got := strings.Count(html, "<rect "); got != tt.bars {
				t.Errorf("the chart has %d bars, want %d", got, tt.bars)
			}
			if rows == 0 && !strings.Contains(html, "There are no sales") {
				t.Error("the page doesn't say that there are no sales")
			}
			parts, err := db.QueryContext(t.Context(), `
				SELECT printf('<td>%,d</td><td>%,d</td><td>$%,d.%02d</td>', count(*), sum(quantity),
					sum(quantity * unit_cents) / 100, sum(quantity * unit_cents) % 100)
				FROM sales WHERE user_id = ? AND `+tt.where+` GROUP BY `+tt.by, tt.params.UserID)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = parts.Close() }()
			for parts.Next() {
				var cells string
				if err := parts.Scan(&cells); err != nil {
					t.Fatal(err)
				}
				if !strings.Contains(html, cells) {
					t.Errorf("the table lacks a row with %s", cells)
				}
			}
			if err := parts.Err(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestGenerateTwiceLeavesOneFile(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	params := Params{UserID: 2, ReportType: "daily"}
	_, first := mustGenerate(t, dir, "job-1", params)
	_, second := mustGenerate(t, dir, "job-1", params)
	if first != second {
		t.Error("the second run of a job made another report than the first")
	}
	if got, want := fileNames(t, filepath.Join(dir, "reports")), []string{"daily-2-job-1.html"}; !slices.Equal(got, want) {
		t.Errorf("files = %v, want %v", got, want)
	}
	mustGenerate(t, dir, "job-2", params)
	if got := fileNames(t, filepath.Join(dir, "reports")); len(got) != 2 {
		t.Errorf("files = %v, want one for each of two jobs", got)
	}
}

func TestGenerateEscapes(t *testing.T) {
	t.Parallel()
	const evil = `</title><script>alert("1")</script>&'`
	dir := newDir(t)
	db := salesIn(t, dir)
	mustExec(t, db, `UPDATE users SET name = ?, region = ? WHERE id = 1`, evil, evil)
	mustExec(t, db, `UPDATE products SET name = ? || id, category = ?`, evil, evil)

	report, html := mustGenerate(t, dir, "../../"+evil, Params{UserID: 1, ReportType: "yearly"})
	if strings.Contains(html, "<script") {
		t.Error("a script got into the page")
	}
	if got := strings.Count(html, "</title>"); got != 14 { // the page's, the chart's, and one for each of 12 bars
		t.Errorf("the page has %d </title>, want 14", got)
	}
	if got := filepath.Dir(report.File); got != filepath.Join(dir, "reports") {
		t.Errorf("the file is in %s, outside of reports/", got)
	}
}

// A report must open offline and, in a mail, without being blocked.
func TestReportNeedsNoOtherFile(t *testing.T) {
	t.Parallel()
	_, html := mustGenerate(t, newDir(t), "job-1", Params{UserID: 1, ReportType: "monthly"})
	if found := regexp.MustCompile(`(?i)(src|href)=|url\(|@import|https?://`).FindString(html); found != "" {
		t.Errorf("the page refers to something outside of itself: %q", found)
	}
}

func TestPermanentFailures(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, task string
		params     any
		damage     string // what stands in the database's place
		want       []string
	}{
		{name: "unknown report type", task: "reports.generate", params: Params{UserID: 1, ReportType: "weekly"},
			want: []string{`unknown report type "weekly"`, "daily, monthly, yearly"}},
		{name: "no report type", task: "reports.generate", params: Params{UserID: 1},
			want: []string{`unknown report type ""`}},
		{name: "unknown user", task: "reports.generate", params: Params{UserID: 77, ReportType: "daily"},
			want: []string{"user 77 does not exist"}},
		{name: "damaged database", task: "reports.generate", params: Params{UserID: 1, ReportType: "daily"}, damage: strings.Repeat("not a database", 100),
			want: []string{"sales.db is damaged", "delete it"}},
		{name: "mail to an unknown user", task: "reports.email", params: EmailParams{UserID: 77, ReportType: "daily", JobID: "job-1"},
			want: []string{"user 77 does not exist"}},
		{name: "mail of an unknown report type", task: "reports.email", params: EmailParams{UserID: 1, ReportType: "weekly", JobID: "job-1"},
			want: []string{`unknown report type "weekly"`}},
		{name: "mail without a job", task: "reports.email", params: EmailParams{UserID: 1, ReportType: "daily"},
			want: []string{"job_id is empty"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := newDir(t)
			if tt.damage != "" {
				if err := os.WriteFile(filepath.Join(dir, "sales.db"), []byte(tt.damage), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			out := execute(t.Context(), t, Registry(dir), tt.task, "job-1", 1, tt.params)
			if out.Verdict != tasks.Dead || out.Reason != tasks.ReasonPermanent {
				t.Fatalf("verdict = %v, reason = %s (%v), want dead and permanent", out.Verdict, out.Reason, out.Err)
			}
			for _, want := range tt.want {
				if !strings.Contains(out.Err.Error(), want) {
					t.Errorf("error = %q, want it to contain %q", out.Err, want)
				}
			}
			if _, err := os.Stat(filepath.Join(dir, "reports")); !os.IsNotExist(err) {
				t.Errorf("a report was written all the same (%v)", err)
			}
		})
	}
}

func TestLockedDatabaseIsRetried(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	db := salesIn(t, dir)
	mustExec(t, db, `BEGIN EXCLUSIVE`)
	out := execute(t.Context(), t, Registry(dir), "reports.generate", "job-1", 1, Params{UserID: 1, ReportType: "daily"})
	if out.Verdict != tasks.Retry || out.Delay != Generate.Info().RetryDelay {
		t.Errorf("verdict = %v in %v (%v), want a retry in %v", out.Verdict, out.Delay, out.Err, Generate.Info().RetryDelay)
	}
	if !strings.Contains(out.Err.Error(), "sales.db") {
		t.Errorf("error = %q, want it to name the database", out.Err)
	}
	mustExec(t, db, `ROLLBACK`)
	mustGenerate(t, dir, "job-1", Params{UserID: 1, ReportType: "daily"})
}

// Each goroutine has a registry of its own, and so shares no more with the others than another process would.
func TestFirstUseByManyAtOnce(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a dir with 100% odd?name#")
	reports := make([]Report, 8)
	var all sync.WaitGroup
	for i := range reports {
		all.Go(func() {
			out := execute(t.Context(), t, Registry(dir), "reports.generate", fmt.Sprintf("job-%d", i), 1, Params{UserID: 1, ReportType: "monthly"})
			if report, ok := out.Result.(Report); ok {
				reports[i] = report
			} else {
				t.Errorf("goroutine %d: %v: %v", i, out.Verdict, out.Err)
			}
		})
	}
	all.Wait()
	for i, r := range reports {
		if r.Rows == 0 || r.Rows != reports[0].Rows || r.TotalCents != reports[0].TotalCents {
			t.Errorf("report %d = %+v, report 0 = %+v: want the same numbers", i, r, reports[0])
		}
	}
	if got, want := fileNames(t, dir), []string{"reports", "sales.db"}; !slices.Equal(got, want) {
		t.Errorf("the directory holds %v, want %v", got, want)
	}
}

func TestTasksOutsideTheirRegistry(t *testing.T) {
	t.Parallel()
	out := execute(t.Context(), t, tasks.NewRegistry(Generate), "reports.generate", "job-1", 1, Params{UserID: 1, ReportType: "daily"})
	if out.Err == nil || !strings.Contains(out.Err.Error(), "reports.Registry") {
		t.Errorf("error = %v, want it to name reports.Registry", out.Err)
	}
}
