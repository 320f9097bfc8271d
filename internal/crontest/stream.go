package crontest

import (
	_ "embed"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	// SeedVar repeats a run.
	SeedVar = "CORE_TEST_SEED"

	// Batches is how many batches a stream has, and batchSize how many expressions each: 110,000 in all, of which some
	// thousands are refused.
	Batches   = 4_400
	batchSize = 25
)

// The zones of the IANA database that differ from each other.
//
//go:embed zones.txt
var zoneNames string

// A Stream is the random expressions of one seed. It can be used from any number of goroutines.
type Stream struct {
	seed  uint64
	zones []*time.Location
}

// A Batch is some random expressions in one zone.
type Batch struct {
	Zone  *time.Location
	Crons []Cron
	// Rand is for what else the test leaves to chance.
	Rand *rand.Rand
}

// New returns the stream of the seed in [SeedVar], or else of a new seed, which it logs.
func New(t testing.TB) *Stream {
	t.Helper()
	s := &Stream{seed: uint64(time.Now().UnixNano())}
	if text := os.Getenv(SeedVar); text != "" {
		var err error
		if s.seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%s=%d", SeedVar, s.seed)
	for name := range strings.FieldsSeq(zoneNames) {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		s.zones = append(s.zones, zone)
	}
	return s
}

// Batch returns the batch of that number, from 0 to Batches-1. It depends on the seed and the number only, so that
// different tests of one seed see the same expressions.
func (s *Stream) Batch(n int) Batch {
	b := Batch{Zone: s.zones[n%len(s.zones)], Rand: rand.New(rand.NewPCG(s.seed, uint64(n)))}
	for range batchSize {
		b.Crons = append(b.Crons, newCron(b.Rand))
	}
	return b
}
