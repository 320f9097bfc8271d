package schedules

import (
	"strings"
	"testing"
)

// EventBridge's schedules are found by their names alone. A name is one that it takes, follows from the task and the number
// of the rule, and no two of them share one; nor do two jobs.
func FuzzNames(f *testing.F) {
	long := strings.Repeat("t", 65)
	for _, pair := range [][2]string{
		{"a", "b"}, {"reports.generate", "reports-generate"}, {long, long + "t"}, {long[:64], long}, {"a", "a"}, {"_0123456789abcdef_a", "a"}, {"a#0", "a"}, {"a#1", "a#11"}, {"", "é"}, {"a\n", "a"},
	} {
		f.Add(pair[0], pair[1], 0, 0, 1, 1)
		f.Add(pair[0], pair[1], 1, 11, 2, 12)
	}
	taskName := func(s string) bool {
		return len(s) <= 128 && namePattern.MatchString(s) && !strings.ContainsAny(s[:1], "_.-")
	}
	f.Fuzz(func(t *testing.T, a, b string, i, j, n, m int) {
		for _, id := range []string{a, b} {
			if name := laterName(id); !namePattern.MatchString(name) || len(name) > maxName || name != laterName(id) {
				t.Errorf("job %q has the schedule %q", id, name)
			}
		}
		if (laterName(a) == laterName(b)) != (a == b) {
			t.Errorf("jobs %q and %q share the schedule %q", a, b, laterName(a))
		}
		if !taskName(a) || !taskName(b) || i < 0 || j < 0 || i >= n || j >= m {
			return
		}
		x, y := scheduleName(a, i, n), scheduleName(b, j, m)
		for _, name := range []string{x, y} {
			if !namePattern.MatchString(name) || len(name) > maxName {
				t.Errorf("the schedule is called %q", name)
			}
		}
		if x == y && (a != b || i != j) {
			t.Errorf("rule %d of %q and rule %d of %q share the schedule %q", i, a, j, b, x)
		}
		if a == b && n == m && i != j && x == y {
			t.Errorf("rules %d and %d of %q share the schedule %q", i, j, a, x)
		}
	})
}
