package session

// Break has a part of a live session fail with err.
func (s *Session) Break(err error) {
	s.retarget.Lock()
	defer s.retarget.Unlock()
	s.group.Fail(err)
}
