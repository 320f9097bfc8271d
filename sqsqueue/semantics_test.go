package sqsqueue_test

import (
	"testing"
	"testing/synctest"

	"github.com/coretasks/core/emulator"
	"github.com/coretasks/core/internal/semantics"
)

// TestSemanticsInProcess runs the suite on the emulator in memory, with fake time.
func TestSemanticsInProcess(t *testing.T) {
	t.Parallel()
	semantics.Run(t, semantics.Backend{
		FakeTime: true,
		Poller:   true,
		Run: func(t *testing.T, test func(*testing.T, semantics.Env)) {
			synctest.Test(t, func(t *testing.T) {
				em, err := emulator.Open(emulator.Config{})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() {
					if err := em.Close(); err != nil {
						t.Error(err)
					}
				})
				test(t, semantics.Poller(t, em.SQS(), ""))
			})
		},
	})
}
