package schedules_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/coretasks/core/schedules"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

func TestGroupName(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ prefix, application, want, problem string }{
		"plain":           {application: "shop", want: "shop"},
		"with a prefix":   {prefix: "staging-", application: "shop", want: "staging-shop"},
		"the longest":     {prefix: strings.Repeat("p", 40), application: strings.Repeat("a", 18), want: strings.Repeat("p", 40) + strings.Repeat("a", 18)},
		"too long":        {prefix: strings.Repeat("p", 40), application: strings.Repeat("a", 19), problem: "may have 58"},
		"without a name":  {prefix: "staging-", problem: "the application has no name"},
		"prefix, space":   {prefix: "a b", application: "shop", problem: `queue prefix "a b" is invalid: SQS allows letters`},
		"prefix, dot":     {prefix: "a.", application: "shop", problem: `queue prefix "a." is invalid`},
		"with a space":    {application: "my shop", problem: `"my shop" is invalid`},
		"with an ARN":     {application: "a/b", problem: "is invalid"},
		"beyond ASCII":    {application: "größe", problem: "is invalid"},
		"with line break": {application: "a\n", problem: "is invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := schedules.GroupName(tt.prefix, tt.application)
			if got != tt.want || (err == nil) != (tt.problem == "") || err != nil && !strings.Contains(err.Error(), tt.problem) {
				t.Errorf("%q, %v", got, err)
			}
			later, err := schedules.LaterGroupName(tt.prefix, tt.application)
			if err == nil && (later != tt.want+"-later" || len(later) > 64) || (err == nil) != (tt.problem == "") {
				t.Errorf("later: %q, %v", later, err)
			}
		})
	}
}

// A plan names no queue that can't be.
func TestPlanRefusesLongNames(t *testing.T) {
	t.Parallel()
	w := onEmulator(t)
	m, err := schedules.New(w.api, w.client, schedules.Config{Prefix: "staging-", Application: "shop", RoleARN: role})
	if err != nil {
		t.Fatal(err)
	}
	r := tasks.NewRegistry(periodic("daily", tasks.Cron("@daily"), tasks.Queue(strings.Repeat("q", 76))))
	_, planErr := m.Plan(t.Context(), r)
	_, applyErr := m.Apply(t.Context(), r)
	for _, err := range []error{planErr, applyErr} {
		if _, ok := errors.AsType[*sqsqueue.NameError](err); !ok || !strings.Contains(err.Error(), "84 of 80 characters") {
			t.Errorf("%v", err)
		}
	}
}
