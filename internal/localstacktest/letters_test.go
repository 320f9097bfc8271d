package localstacktest

import (
	"testing"

	"github.com/coretasks/core/deadletters"
	"github.com/coretasks/core/internal/lettertest"
	"github.com/coretasks/core/internal/testenv"
	"github.com/coretasks/core/sqsqueue"
)

// TestDeadLetters is what operators do with dead letters.
func TestDeadLetters(t *testing.T) {
	t.Parallel()
	api := sqsqueue.NewAPI(testenv.LocalStack(t))
	lettertest.Run(t, func(t *testing.T, test func(*testing.T, deadletters.API)) {
		t.Helper()
		test(t, api)
	})
}
