package emulator_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/coretasks/core/emulator"
)

// takeOne receives one message and hides it for so many seconds.
func takeOne(t *testing.T, c *emulator.SQS, url string, seconds int32) string {
	t.Helper()
	out, err := c.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, VisibilityTimeout: seconds})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Messages) == 0 {
		return "-"
	}
	return *out.Messages[0].Body
}

// The steps are "send BODY", "take SECONDS" (which says what it took) and "wait SECONDS".
func TestOrder(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ steps, want string }{
		"as it was sent":                  {"send a, send b, send c, take 60, take 60, take 60", "a b c"},
		"before younger ones":             {"send a, take 3, wait 1, send b, wait 3, take 60, take 60", "a a b"},
		"also the second time":            {"send a, take 3, wait 1, send b, wait 3, take 3, wait 4, take 60, take 60", "a a a b"},
		"from the third receive on after": {"send a, take 1, wait 1, take 1, wait 1, send b, take 2, wait 1, send c, wait 2, send d, take 60, take 60, take 60, take 60", "a a a b c a d"},
		"those that come back too often, by when they do": {"send a, send b, take 1, take 1, wait 1, take 1, take 1, wait 1, take 5, take 3, wait 3, send c, wait 2, take 60, take 60, take 60",
			"a b a b a b b c a"},
		"a delayed message has the turn of its sending": {"later 5 a, send b, wait 6, take 60, take 60", "a b"},
	} {
		for _, durable := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, durable %t", name, durable), func(t *testing.T) {
				t.Parallel()
				cfg := emulator.Config{}
				if durable {
					cfg.Path = filepath.Join(t.TempDir(), "state.db")
				}
				synctest.Test(t, func(t *testing.T) {
					c := open(t, cfg).SQS()
					url := create(t, c, "q", nil)
					var took []string
					for step := range strings.SplitSeq(test.steps, ", ") {
						var n int32
						var body string
						switch word, rest, _ := strings.Cut(step, " "); word {
						case "send":
							send(t, c, url, rest)
						case "later":
							_, _ = fmt.Sscan(rest, &n, &body)
							if _, err := c.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String(body), DelaySeconds: n}); err != nil {
								t.Fatal(err)
							}
						case "take":
							_, _ = fmt.Sscan(rest, &n)
							took = append(took, takeOne(t, c, url, n))
						case "wait":
							_, _ = fmt.Sscan(rest, &n)
							time.Sleep(time.Duration(n) * time.Second)
						}
						time.Sleep(time.Millisecond) // no two steps at the same time
					}
					if got := strings.Join(took, " "); got != test.want {
						t.Errorf("took %s, want %s", got, test.want)
					}
				})
			})
		}
	}
}
