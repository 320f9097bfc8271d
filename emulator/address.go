package emulator

import (
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// address is what a QueueUrl says of a queue.
type address struct {
	region  string // "": that of the request
	account string // "": the one account that there is
	name    string
}

// parseAddress reads a QueueUrl, whatever its host: its path ends in /ACCOUNT/NAME or in /queue/REGION/ACCOUNT/NAME. A text
// without a slash is a name, which SQS takes as well.
func parseAddress(queueURL string) (address, error) {
	if !strings.Contains(queueURL, "/") {
		return address{name: queueURL}, nil
	}
	path, err := pathOf(queueURL)
	if err != nil {
		return address{}, faultAddress(queueURL)
	}
	var a address
	var rest string
	rest, a.name, _ = cutLast(strings.Trim(path, "/"))
	if rest, a.account, _ = cutLast(rest); a.account == "" {
		return address{}, faultAddress(queueURL)
	}
	if before, region, ok := cutLast(rest); ok {
		if _, word, _ := cutLast(before); word == "queue" {
			a.region = region
		}
	}
	return a, nil
}

// pathOf is the path of a URL. Those that SQS gives out have nothing in them that has to be decoded, and each request names one.
func pathOf(text string) (string, error) {
	if _, rest, ok := strings.Cut(text, "://"); ok && !strings.ContainsAny(rest, "%?#") {
		_, path, _ := strings.Cut(rest, "/")
		return path, nil
	}
	u, err := url.Parse(text)
	if err != nil {
		return "", err
	}
	return u.Path, nil
}

// urlOf is a queue's URL on an endpoint.
func (e *Emulator) urlOf(base string, at inRegion) string {
	if at.region != defaultRegion {
		base += "/queue/" + at.region
	}
	return base + "/" + e.cfg.AccountID + "/" + at.name
}

func (s *SQS) url(name string) string { return s.e.urlOf(s.base, inRegion{s.region, name}) }

// find gives the queue of a QueueUrl; the lock is held. A request is about its own region, as on AWS, where the endpoint is
// a region's: the queue of a URL that names another region does not exist for it. An unsigned one goes by the URL.
func (s *SQS) find(queueURL *string) (*queue, error) {
	if aws.ToString(queueURL) == "" {
		return nil, faultMissing("QueueUrl")
	}
	a, err := parseAddress(*queueURL)
	if err != nil {
		return nil, err
	}
	region := s.region
	if s.unsigned && a.region != "" {
		region = a.region
	}
	q := s.e.queues[inRegion{region, a.name}]
	if q == nil || a.account != "" && a.account != s.e.cfg.AccountID || a.region != "" && a.region != region {
		return nil, faultQueueDoesNotExist()
	}
	return q, nil
}

// byARN finds a queue of the request's own region; the lock is held.
func (s *SQS) byARN(arn string) *queue {
	if q := s.e.byARN(arn); q != nil && q.region == s.region {
		return q
	}
	return nil
}
