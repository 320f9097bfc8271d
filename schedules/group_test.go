package schedules_test

import (
	"strings"
	"testing"

	"github.com/coretasks/core/schedules"
)

func TestGroupName(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ prefix, application, want, problem string }{
		"plain":           {application: "shop", want: "shop"},
		"with a prefix":   {prefix: "staging-", application: "shop", want: "staging-shop"},
		"the longest":     {prefix: strings.Repeat("p", 40), application: strings.Repeat("a", 18), want: strings.Repeat("p", 40) + strings.Repeat("a", 18)},
		"too long":        {prefix: strings.Repeat("p", 40), application: strings.Repeat("a", 19), problem: "may have 58"},
		"without a name":  {prefix: "staging-", problem: "the application has no name"},
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
