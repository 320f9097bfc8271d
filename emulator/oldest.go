package emulator

import (
	"context"
	"time"
)

// OldestMessages returns, for each of the queues of [Config.Region] that exists, how long ago the oldest message that is not
// deleted yet was sent; 0 for an empty queue. SQS itself tells that to CloudWatch only, as ApproximateAgeOfOldestMessage.
func (e *Emulator) OldestMessages(ctx context.Context, queues []string) (map[string]time.Duration, error) {
	return e.SQS().OldestMessages(ctx, queues)
}

// OldestMessages is [Emulator.OldestMessages] for the queues of any region.
func (s *SQS) OldestMessages(_ context.Context, queues []string) (map[string]time.Duration, error) {
	ages := map[string]time.Duration{}
	err := s.e.view(func() error {
		now := nowMilli()
		for _, name := range queues {
			q, ok := s.e.queues[inRegion{s.region, name}]
			if !ok {
				continue
			}
			oldest := now
			for _, m := range q.messages {
				if !q.expired(m, now) {
					oldest = min(oldest, m.sentAt)
				}
			}
			ages[name] = time.Duration(now-oldest) * time.Millisecond
		}
		return nil
	})
	return ages, err
}
