# SPDX-License-Identifier: MIT
# Writes a file in pieces of random sizes at random places, each once, and checks them later.
#
# usage: perl random_writes.pl write FILE MEBIBYTES SEED           prints "synced PIECES" now and then
#        perl random_writes.pl verify FILE MEBIBYTES SEED [PIECES] the first so many, or all
#
# A piece has 1 to 32 blocks. A block has its own number and the seed in it, all over.
use strict;
use warnings;
use IO::Handle;

use constant { BLOCK => 4096, MOST => 32, SYNC => 200 };

my ($mode, $path, $mebibytes, $seed, $pieces) = @ARGV;

sub block { return pack('NN', $seed, $_[0]) x (BLOCK / 8) }

# Pairs of a first block and a number of blocks, in the order that belongs to the seed.
sub order {
    my ($end, $start, @found) = ($mebibytes * 256, 0);
    srand($seed);
    while ($start < $end) {
        my $count = 1 + int(rand(MOST));
        $count = $end - $start if $count > $end - $start;
        push @found, [$start, $count];
        $start += $count;
    }
    for my $i (reverse 1 .. $#found) {
        my $j = int(rand($i + 1));
        @found[$i, $j] = @found[$j, $i];
    }
    return @found;
}

sub content { my ($start, $count) = @_; return join '', map { block($_) } $start .. $start + $count - 1 }

sub synced { my ($file, $count) = @_; $file->sync or die "sync: $!\n"; print "synced $count\n" }

sub write_all {
    my $done = 0;
    open(my $file, -e $path ? '+<:raw' : '+>:raw', $path) or die "$path: $!\n";
    for my $piece (order()) {
        sysseek($file, $piece->[0] * BLOCK, 0) or die "seek: $!\n";
        my $content = content(@$piece);
        (syswrite($file, $content) // 0) == length $content or die "write: $!\n";
        synced($file, $done) if ++$done % SYNC == 0;
    }
    synced($file, $done);
}

sub verify {
    my ($done, $wrong) = (0, 0);
    open(my $file, '<:raw', $path) or die "$path: $!\n";
    for my $piece (order()) {
        last if defined $pieces && $done == $pieces;
        sysseek($file, $piece->[0] * BLOCK, 0) or die "seek: $!\n";
        my $wanted = content(@$piece);
        my $size = sysread($file, my $found, length $wanted) // die "read: $!\n";
        $wrong++ if $size != length $wanted || $found ne $wanted;
        $done++;
    }
    print "$done pieces, $wrong wrong\n";
}

$| = 1;
$mode eq 'write' ? write_all() : verify();
__END__
