module livedub

go 1.26.8
